"""Serves a folder as a git repository over HTTP on loopback, for the tour, the demo and the tests.

Nothing of git has to be installed: dulwich makes the commit and speaks the protocol.
"""

import argparse
import base64
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
def serve(
    repositories: dict[str, Path], *, token: str | None = None, port: int = 0
) -> Iterator[str]:
    """Serve repositories by name on loopback.

    Args:
        repositories: path under the host, without a slash, to the repository's folder.
        port: 0 is a free one.
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
    server = make_server("127.0.0.1", port, application, WSGIServer, _Quiet)
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


def main() -> None:
    """`python -m autoprovision.embedded.git_host DIR…`: serve folders until Ctrl-C.

    The folders themselves are left alone: copies of them are committed and served.
    """
    parser = argparse.ArgumentParser(prog="git_host", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--port", type=int, default=8418)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, suppress(KeyboardInterrupt):
        copies = {folder.resolve().name: Path(scratch) / folder.resolve().name
                  for folder in arguments.folders}  # fmt: skip
        for folder in arguments.folders:
            shutil.copytree(folder, copies[folder.resolve().name])
            commit_folder(copies[folder.resolve().name])
        with serve(copies, port=arguments.port) as url:
            for name in copies:
                print(f"{url}/{name}", flush=True)
            threading.Event().wait()


if __name__ == "__main__":
    main()
