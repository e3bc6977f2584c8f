require_relative "boot"
require "rails"
# Only what is used: no database, no mail, no jobs.
require "action_controller/railtie"

Bundler.require(*Rails.groups)

module Reading
  class Application < Rails::Application
    config.load_defaults Rails::VERSION::STRING.to_f
    config.api_only = true
    # Nothing signed here outlives the container; set SECRET_KEY_BASE where sessions are used.
    config.secret_key_base = ENV.fetch("SECRET_KEY_BASE") { SecureRandom.hex(64) }
  end
end
