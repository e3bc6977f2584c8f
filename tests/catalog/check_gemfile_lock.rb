# Whether a Gemfile.lock fits itself and its Gemfile.
require "bundler"
lock = Bundler::LockfileParser.new(File.read("Gemfile.lock"))
specs = lock.specs.group_by(&:name)
faults = lock.specs.flat_map do |spec|
  spec.dependencies.reject do |needed|
    needed.name == "bundler" ||
      (specs[needed.name] || []).any? { |one| needed.requirement.satisfied_by?(one.version) }
  end.map { |needed| "#{spec.full_name} needs #{needed}" }
end
asked = Bundler::Dsl.evaluate("Gemfile", "Gemfile.lock", {}).dependencies
asked.each { |one| faults << "the lock lacks #{one}" unless lock.dependencies[one.name] == one }
used = asked.map(&:name)
used.each { |name| (specs[name] || []).each { |spec| used.concat(spec.dependencies.map(&:name) - used) } }
(specs.keys - used).each { |name| faults << "nothing needs #{name}" }
puts faults
exit faults.empty?
