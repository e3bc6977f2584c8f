"""`make demo`: the path from a JSON template to a live URL, typed as a stranger would type it.

Every line after a `$` is the real command line in a process of its own, and what follows is what
it printed. At the end nothing is left running, unless it is told to keep the platform up.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoprovision.embedded import git_host, launcher, localhost_names

UNIT = "ntu-scse-2023-ct1"
QUOTA = 20000
PERSON = "ada@example.edu"
_SITE = {
    "index.html": "<!doctype html><html lang=en><meta charset=utf-8><title>Hello</title>"
    "<link rel=stylesheet href=style.css><h1>Hello from a git repository</h1>",
    "style.css": "body { font: 1.2rem/1.5 system-ui; margin: 4rem auto; max-width: 40rem }\n",
    "404.html": "<!doctype html><html lang=en><meta charset=utf-8><title>Nothing here</title>"
    "<h1>There is no such page</h1>",
}


class DemoError(RuntimeError):
    """A step of the demo did not do what the README says."""


class Demo:
    """One run, in a data folder of its own."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def say(self, text: str) -> None:
        """A line between the commands."""
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)

    def run(self, *words: str, stdin: str = "", shown: bool = True) -> str:
        """Type a command and show what it prints.

        Raises:
            DemoError: it did not end with 0.
        """
        if shown:
            print(f"$ autoprovision {' '.join(words)}", flush=True)
        command = [sys.executable, "-m", "autoprovision", *words]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, text=True,
            env={**os.environ, "AUTOPROVISION_DATA": str(self._data)},
        )  # fmt: skip
        output, _ = process.communicate(stdin)
        if shown:
            print(output, end="", flush=True)
        if process.returncode:
            raise DemoError(f"`autoprovision {' '.join(words)}` ended with {process.returncode}.")
        return output

    def play(self, folder: Path) -> None:
        """The tour, from an empty machine to a URL that answers and back."""
        site, request = folder / "site", folder / "site.json"
        site.mkdir()
        for name, text in _SITE.items():
            (site / name).write_text(text, "utf-8")
        git_host.commit_folder(site)
        self.say("A platform on an embedded AWS (stage 0: the pool and the first admin)")
        self.run("up")
        with git_host.serve({"acme/site": site}) as host:
            self._people()
            self._provision(request, f"{host}/acme/site")
        self._afterwards()

    def _people(self) -> None:
        self.say("A business unit with a quota, and a person in it (stages 1 and 2)")
        self.run("unit", "set", UNIT, "--quota", str(QUOTA))
        self.run(
            "user", "create", PERSON, "--unit", UNIT, "--role", "requester", "--password-stdin",
            stdin="Correct-horse-battery-9\n",
        )  # fmt: skip
        self.run(
            "login", PERSON, "--profile", "ada", "--password-stdin",
            stdin="Correct-horse-battery-9\n",
        )  # fmt: skip

    def _provision(self, file: Path, repository: str) -> None:
        template = {
            "ApplicationName": "hello", "TargetEnvironment": "dev", "ProjectType": "Static",
            "ProjectURL": repository, "ProjectEmail": PERSON,
        }  # fmt: skip
        file.write_text(json.dumps(template, indent=2), "utf-8")
        self.say("The JSON template (stage 3)")
        print(file.read_text("utf-8"))
        self.say("What would it come to? Nothing happens yet (stages 4 to 6)")
        self.run("--profile", "ada", "request", "plan", str(file))
        self.say("Submit it and watch (stages 5 to 8)")
        self.run("--profile", "ada", "request", "submit", str(file), "--watch")

    def _afterwards(self) -> None:
        self.say("The mail")
        self.run("mailbox")
        listed = json.loads(
            self.run("--profile", "ada", "application", "list", "--json", shown=False)
        )
        application = listed["items"][0]
        self.say("The URL, fetched (stage 9)")
        print(f"$ curl {application['url']}", flush=True)
        print(fetch(application["url"]))
        self.say("The ledger: what it holds, and why")
        self.run("--profile", "ada", "unit", "ledger", UNIT)
        self.say("And its end: deleted means verified gone")
        self.run(
            "--profile", "ada", "application", "terminate", application["id"], "--yes", "--watch"
        )
        self.run("--profile", "ada", "unit", "show", UNIT)


def fetch(url: str) -> str:
    """The page behind a URL of the embedded AWS.

    Raises:
        DemoError: it does not hold what the repository holds.
    """
    localhost_names.install()
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own http URL
        page: str = response.read().decode()
    if page != _SITE["index.html"]:
        raise DemoError(f"{url} does not answer with the repository's page.")
    return page


@contextmanager
def _platform_folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="autoprovision-demo-"))
    try:
        yield folder
    finally:
        if keep and launcher.status(folder):
            print(
                f"\nThe platform is left up. Go on with\n  export AUTOPROVISION_DATA={folder}\n"
                "and stop it with\n  autoprovision down"
            )
        else:
            launcher.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Play the demo.

    Returns:
        0 when everything went as the README says, 1 otherwise.
    """
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the platform up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _platform_folder(keep=arguments.keep) as data:
        try:
            Demo(data).play(Path(folder))
        except DemoError as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nInterrupted; the platform is stopped.", file=sys.stderr)
            return 130
    print(
        "\nEverything went as it should, and nothing is left running." if not arguments.keep else ""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
