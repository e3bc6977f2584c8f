"""Of a build's log people see what the recipe said, its end, and why it failed."""

from autoprovision.domain.build import Build, BuildPhase, BuildStatus, said_in, tail, why

OWN = "[Container] 2026/11/22 10:00:00.123456 "


def log(*lines: str) -> list[str]:
    return [OWN + line[1:] if line.startswith("!") else line for line in lines]


FAILED = log(
    "!Entering phase INSTALL", "!Running command npm ci", "added 3 packages",
    "!Phase complete: INSTALL State: SUCCEEDED", "!Entering phase BUILD",
    "!Running command set -e\nnpm run build", "npm error code ELIFECYCLE", "npm error",
    "npm error The colour is unknown.", "npm error A complete log of this run can be found in: x",
    "!Command did not exit successfully set -e exit status 3", "!Phase complete: BUILD State: FAILED",
    "!Entering phase POST_BUILD", "!Running command cp", "cp: no such file",
    "!Command did not exit successfully cp exit status 1",
)  # fmt: skip


def build(status: BuildStatus, phase: str = "build", context: str = "") -> Build:
    failed = BuildPhase(name=phase, status="FAILED", ended_at="x", context=context)
    return Build(id="p:1", status=status, minutes=15, phases=(failed,))


def test_the_first_command_that_gave_up_is_why():
    said = why(build(BuildStatus.FAILED), FAILED)
    assert said == "The build failed in its phase build: npm error The colour is unknown."


def test_without_an_error_the_last_lines_are_why():
    told = log("!Running command x", "one", "two", "The project has no a.b.",
               "!Command did not exit successfully x exit status 1")  # fmt: skip
    assert why(build(BuildStatus.FAILED), told).endswith(": one | two | The project has no a.b.")


def test_what_codebuild_says_is_why_when_no_command_failed():
    said = why(build(BuildStatus.FAILED, "upload_artifacts", "no matching paths"), [])
    assert said == "The build failed in its phase upload_artifacts: no matching paths"
    assert "longer than the 15 minutes" in why(build(BuildStatus.TIMED_OUT), [])
    assert "was stopped" in why(build(BuildStatus.STOPPED), [])
    assert why(build(BuildStatus.FAILED), []).endswith("it said nothing.")


def test_a_missing_program_is_named():
    told = log("!Running command hugo", "hugo: not found", "!This machine has no program named hugo, install it.",
               "!Command did not exit successfully hugo exit status 127")  # fmt: skip
    assert "no program named hugo" in why(build(BuildStatus.FAILED), told)


def test_the_tail_is_short_clean_and_without_secrets():
    lines = ["\x1b[32mgreen\x1b[0m", "x" * 500, "AWS_SECRET_ACCESS_KEY=abc123", "1%\r100%", ""]
    shown = tail([*(f"{n}" for n in range(30)), *lines])
    assert len(shown) == 20
    assert shown[-4:] == ["green", "x" * 399 + "…", "AWS_SECRET_ACCESS_KEY=***", "100%"]


def test_a_phase_has_its_own_lines():
    assert said_in(FAILED, "install") == ["added 3 packages"]
    assert said_in(FAILED, "pre_build") == []


def test_the_password_in_an_address_is_not_shown():
    lines = [
        "could not connect to postgresql://application:hunter2@db.internal:5432/application",
        "GET https://example.edu:8443/a@b?c=d:e@f",
    ]
    assert tail(lines) == [
        "could not connect to postgresql://***@db.internal:5432/application",
        lines[1],
    ]
