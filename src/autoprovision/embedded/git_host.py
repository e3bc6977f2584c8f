"""Serves a folder as a git repository over HTTP on loopback, for the demo and the tests.

Nothing of git has to be installed: dulwich makes the commit and speaks the protocol.
"""

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich import porcelain
from dulwich.repo import Repo
from dulwich.server import DEFAULT_HANDLERS, BackendRepo, DictBackend, UploadPackHandler
from dulwich.web import make_wsgi_chain

AUTHOR = b"Demo <demo@example.edu>"


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the demo's screen belongs to the demo."""


class _UploadPack(UploadPackHandler):
    """As git's own server: a client that cannot take thin packs gets whole ones."""

    @classmethod
    def required_capabilities(cls) -> tuple[bytes, ...]:
        return ()


def commit_folder(folder: Path) -> str:
    """Make the folder a repository with one commit of everything in it.

    Returns:
        The commit's id.
    """
    repository = Repo.init(str(folder)) if not (folder / ".git").exists() else Repo(str(folder))
    with repository:
        files = [
            str(file.relative_to(folder))
            for file in sorted(folder.rglob("*"))
            if file.is_file() and ".git" not in file.relative_to(folder).parts
        ]
        porcelain.add(repository, [str(folder / name) for name in files])
        commit = porcelain.commit(repository, message=b"A site", author=AUTHOR, committer=AUTHOR)
    return commit.decode()


def _guarded(application: Callable[..., Any], token: str | None) -> Callable[..., Any]:
    if token is None:
        return application

    def guard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        sent = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Basic ")
        _, _, password = base64.b64decode(sent).decode().partition(":")
        if password == token:
            return application(environ, start_response)
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')])
        return [b""]

    return guard


@contextmanager
def serve(repositories: dict[str, Path], *, token: str | None = None) -> Iterator[str]:
    """Serve repositories by name on a free port of loopback.

    Args:
        repositories: path under the host, without a slash, to the repository's folder.
        token: what opens them, as the password of HTTP's basic authentication; None is open to all.

    Yields:
        `http://127.0.0.1:PORT`.
    """
    opened = [Repo(str(folder)) for folder in repositories.values()]
    names: dict[str, BackendRepo] = {
        f"/{name}": repository for name, repository in zip(repositories, opened, strict=True)
    }
    backend = DictBackend(names)
    handlers: dict[bytes, Callable[..., Any]] = {
        **DEFAULT_HANDLERS,
        b"git-upload-pack": _UploadPack,
    }
    application = _guarded(make_wsgi_chain(backend, handlers=handlers), token)
    server = make_server("127.0.0.1", 0, application, WSGIServer, _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for repository in opened:
            repository.close()
