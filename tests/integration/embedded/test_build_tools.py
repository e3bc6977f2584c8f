"""A machine that lacks a program says so before the build's minutes of work."""

from tests.integration.embedded.test_builds import Builder, buildspec, phase, statuses

SPEC = buildspec(install=["echo minutes of work"], build=["frobnicate"])


def told(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def test_a_missing_program_is_named_before_anything_runs(workshop):
    builder = Builder(workshop)
    asked = told(TECH_STACK="Jekyll", TOOLS="python3 frobnicate mumblecore")
    build = builder.run(SPEC, environmentVariablesOverride=asked)
    said = (
        "This machine has no program named frobnicate and none named mumblecore, which Jekyll "
        "needs. Install it, restart the embedded AWS, and build again."
    )
    assert build["buildStatus"] == "FAILED"
    (context,) = phase(build, "PROVISIONING")["contexts"]
    assert context == {"statusCode": "MISSING_TOOLS", "message": said}
    assert "INSTALL" not in statuses(build)
    assert any(said in line for line in builder.log(build))
    assert builder.output(build) == []


def test_programs_that_are_there_are_not_spoken_of(workshop):
    builder = Builder(workshop)
    build = builder.run(buildspec(build=["true"]), environmentVariablesOverride=told(TOOLS="python3 sh"))  # fmt: skip
    assert build["buildStatus"] == "SUCCEEDED"
