"""Paths of an application's API belong to the application.

AWS: an API's host serves that API and nothing else.

MiniStack: answers `/health` on every host with its own health.

Mend: its own health stays at `/_ministack/health`, where no application has a path.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.


def apply() -> None:
    """Leave `/health` to the applications."""
    from ministack import app

    app._HEALTH_PATHS = tuple(path for path in app._HEALTH_PATHS if path.startswith("/_"))
