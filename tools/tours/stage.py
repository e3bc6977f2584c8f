"""What tours are played on: a platform on an embedded AWS, and a page of what a run printed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from autoprovision.embedded import git_host, launcher, localhost_names, mailbox

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Correct-horse-battery-9"  # noqa: S105 - of people who live for a minute
_STEP = re.compile(r"\d\d:\d\d:\d\d  (?P<step>\w+)  ")
_SUMMARY = re.compile(r"id +req_")
_PATIENCE_SECONDS = 120
PASSWORD_IN = 'printf %s "$PASSWORD" | '  # noqa: S105 - no password


class Stage:
    """One run, command by command, and the page that comes of it.

    Attributes:
        place: the folder that commands run in.
        keep: how many lines of a command's output are shown, unless told otherwise.
    """

    def __init__(self, place: Path, *, keep: int = 40) -> None:
        self.place, self.keep = place, keep
        self._data = place / ".data"
        self._environment = {
            **os.environ, "AUTOPROVISION_DATA": str(self._data), "NO_COLOR": "1", "TZ": "UTC",
        }  # fmt: skip
        self._parts: list[str] = []
        self._open = ExitStack()

    def close(self) -> None:
        """Leave nothing running, whatever happened."""
        self._open.close()
        launcher.stop(self._data)

    def say(self, text: str) -> None:
        """A paragraph or a heading."""
        self._parts.append(text)

    def show(self, *lines: str) -> None:
        """Lines of a terminal."""
        self._parts.append("\n".join(["```console", *lines, "```"]))

    def run(
        self, *words: str, stdin: str = "", before: str = "", keep: int | None = None,
        only: tuple[str, ...] = (), steps: tuple[str, ...] = (), cwd: Path | None = None,
    ) -> str:  # fmt: skip
        """Run a command of ours and show what it printed.

        Args:
            before: what stands before it in the shell.
            keep: at most so many lines are shown, the last two among them.
            only: beginnings of the lines that are shown; all by default.
            steps: of what `--watch` prints, the steps that are shown.
        """
        done = self._run(*words, stdin=stdin, cwd=cwd)
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        if only:
            lines = [line for line in lines if line.startswith(only)]
        if steps:
            lines = _of_steps(lines, steps)
        most = keep or self.keep
        if len(lines) > most:
            lines = [*lines[: most - 3], "…", *lines[-2:]]
        ends = [] if done.returncode == 0 else [f"(exit code {done.returncode})"]
        said = [f"'{word}'" if " " in word else word for word in words]
        self.show(f"$ {before}autoprovision {' '.join(said)}", *lines, *ends)
        return done.stdout

    def read(self, *words: str) -> dict[str, Any]:
        """A command's JSON, not shown."""
        done = self._run(*words, "--json", stderr=subprocess.PIPE)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def quietly(self, *words: str, stdin: str = "") -> None:
        """Run a command that the page does not show.

        Raises:
            RuntimeError: it did not end with 0.
        """
        done = self._run(*words, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}")

    def _run(
        self, *words: str, stdin: str = "", cwd: Path | None = None, stderr: int = subprocess.STDOUT
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment, cwd=cwd or self.place, text=True,
            check=False, input=stdin, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """What processes of the run find in their environment."""
        return self._environment

    def command(self, *words: str) -> list[str]:
        """A command of ours as a process is started with it."""
        return [sys.executable, "-m", "autoprovision", *words]

    def up(self, **server: str) -> None:
        """Start the platform, without a line on the page.

        Args:
            server: variables of the embedded AWS, such as SFN_WAIT_SCALE.
        """
        launcher.start(self._data, extra_environment=server)
        self.quietly("up")

    def people(self, unit: str, *people: tuple[str, str], quota: int = 20000) -> None:
        """A business unit and people in it, signed in, each with a profile of their first name."""
        self.quietly("unit", "set", unit, "--quota", str(quota))
        for email, role in people:
            more = ("--approves-for", unit) if role == "approver" else ()
            self.quietly("user", "create", email, "--unit", unit, "--role", role, *more,
                         "--password-stdin", stdin=PASSWORD)  # fmt: skip
            self.quietly("--profile", email.partition("@")[0], "login", email, "--password-stdin",
                         stdin=PASSWORD)  # fmt: skip

    def file(self, name: str, document: Any, *, shown: bool = True) -> None:
        """A JSON file in the folder that commands run in."""
        text = json.dumps(document, indent=2)
        (self.place / name).write_text(text + "\n", "utf-8")
        if shown:
            self.show(f"$ cat {name}", *text.splitlines())

    def repository(self, files: Mapping[str, str] | Path) -> "Repository":
        """A git repository with these files, or a copy of a folder, served on loopback."""
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        return Repository(folder, files, self._open)

    def client(self, service: str) -> Any:
        """A client of the embedded AWS, for what people do behind the platform's back."""
        aws = launcher.status(self._data)
        assert aws is not None, "the platform is not up"
        return aws.client(service)

    def invoke(self, function: str) -> Any:
        """Run one of the platform's functions now, instead of when its schedule does."""
        answer = self.client("lambda").invoke(
            FunctionName=f"autoprovision-{function}", Payload=b"{}"
        )
        return json.loads(answer["Payload"].read())

    def mails(self, to: str) -> list[mailbox.Mail]:
        """The mails to an address."""
        aws = launcher.status(self._data)
        assert aws is not None, "the platform is not up"
        return [mail for mail in mailbox.mailbox(aws) if to in mail.to]

    def wait_for(self, reached: Callable[[], Any]) -> Any:
        """What a condition gives once it holds.

        Raises:
            TimeoutError: it did not within two minutes.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while not (found := reached()):
            if time.monotonic() > end:
                raise TimeoutError(f"The tour stands still: {self._parts[-1][:300]}")
            time.sleep(0.3)
        return found

    def page(self) -> str:
        """Everything so far, as Markdown."""
        text = "\n\n".join(self._parts)
        return text.replace(str(self._data), "~/data").replace(str(self.place), "~")


def _of_steps(lines: list[str], steps: tuple[str, ...]) -> list[str]:
    """The lines of some steps, with what they said over more than one line."""
    kept, shown = False, []
    for line in lines:
        if begun := _STEP.match(line):
            kept = begun["step"] in steps
        elif _SUMMARY.match(line):
            kept = False
        if kept:
            shown.append(line)
    return shown


class Repository:
    """A repository that a tour changes as it goes on."""

    def __init__(self, folder: Path, files: Mapping[str, str] | Path, stack: ExitStack) -> None:
        self._folder = folder
        self.write(
            {
                str(path.relative_to(files)): path.read_text("utf-8")
                for path in files.rglob("*")
                if path.is_file()
            }
            if isinstance(files, Path)
            else files
        )
        self.url = stack.enter_context(git_host.serve({"acme/site": folder})) + "/acme/site"

    def write(self, files: Mapping[str, str]) -> None:
        """Commit these files."""
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        git_host.commit_folder(self._folder)


@contextmanager
def stage(*, keep: int = 40) -> Iterator[Stage]:
    """A stage in a folder of its own, which is gone afterwards with all that ran on it."""
    localhost_names.install()
    with tempfile.TemporaryDirectory() as place:
        one = Stage(Path(place), keep=keep)
        try:
            yield one
        finally:
            one.close()
