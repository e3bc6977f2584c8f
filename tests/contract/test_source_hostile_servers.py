"""The port SourceRepository against servers that mean harm."""

import hashlib
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.contract.git_server import (
    CANARY,
    HOSTS,
    Backend,
    git,
    make_repository,
    refusal,
    serving,
    source,
)

from autoprovision.domain.git_source import FetchLimits, SourceCode
from autoprovision.source.fetch import GitRepository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


Answer = Callable[[BaseHTTPRequestHandler], None]


def hostile(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    return Hostile


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


HEAD = b"1" * 40
REFS = (
    packet(b"# service=git-upload-pack\n")
    + b"0000"
    + packet(HEAD + b" HEAD\0side-band-64k shallow ofs-delta\n")
    + b"0000"
)
REFS_TYPE = "application/x-git-upload-pack-advertisement"
PACK_TYPE = "application/x-git-upload-pack-result"
PACK_START = packet(b"shallow " + HEAD) + b"0000" + packet(b"NAK\n")


def pack_server(body: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    """Announces one commit, then sends whatever `body` writes as its pack."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            reply(handler, 200, REFS, Content_Type=REFS_TYPE)
            return
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(200)
        handler.send_header("Content-Type", PACK_TYPE)
        handler.end_headers()
        handler.wfile.write(PACK_START)
        try:
            body(handler)
        except OSError:
            return  # the client left, as it should

    return hostile(answer)


def object_header(kind: int, size: int) -> bytes:
    head, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(head | 0x80)
        head, size = size & 0x7F, size >> 7
    out.append(head)
    return bytes(out)


def send_pack(handler: BaseHTTPRequestHandler, pack: bytes) -> None:
    for at in range(0, len(pack), 60_000):
        handler.wfile.write(packet(b"\x01" + pack[at : at + 60_000]))
    handler.wfile.write(b"0000")


def pack_of(*objects: bytes) -> bytes:
    pack = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    return pack + hashlib.sha1(pack).digest()  # noqa: S324 - git's own checksum


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}", "http://127.0.0.1:1", "https://github.com"]
)
def test_a_redirect_off_the_host_is_not_followed_and_takes_no_token_along(target: str):
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Host"))
        port = handler.server.server_address[1]
        reply(handler, 302, Location=target.format(port=port) + handler.path)

    with serving(hostile(answer)) as port:
        error = refusal(f"http://127.0.0.1:{port}/a", AccessToken=CANARY)
    assert error.reason == SourceCode.HOST_NOT_ALLOWED
    assert seen == [f"127.0.0.1:{port}"]


def test_a_redirect_in_circles_ends():
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        reply(handler, 301, Location=handler.path)

    with serving(hostile(answer)) as port:
        assert refusal(f"http://127.0.0.1:{port}/old").reason == SourceCode.NOT_GIT
    assert len(seen) == 4


def test_a_renamed_repository_is_found_where_its_host_says(root: Path):
    make_repository(root, "site", {"index.html": b"moved"})

    class Renamed(Backend):
        token = None
        seen: list[dict[str, str]] = []  # noqa: RUF012

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path.startswith("/old/"):
                reply(self, 301, Location="/site.git/" + self.path.removeprefix("/old/"))
            else:
                super().do_GET()

    Renamed.root = root
    with (
        serving(Renamed) as port,
        GitRepository(HOSTS).fetch(source(f"http://127.0.0.1:{port}/old"), {}) as tree,
    ):
        assert tree.files["index.html"].read() == b"moved"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (302, SourceCode.NOT_FOUND),
        (403, SourceCode.NOT_FOUND),
        (404, SourceCode.NOT_FOUND),
        (410, SourceCode.NOT_FOUND),
        (418, SourceCode.NOT_GIT),
        (429, SourceCode.UNREACHABLE),
        (500, SourceCode.UNREACHABLE),
        (503, SourceCode.UNREACHABLE),
        (200, SourceCode.NOT_GIT),
    ],
)
def test_every_status_has_its_answer(status: int, code: SourceCode):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        location = {"Location": "/users/sign_in"} if status == 302 else {}
        reply(handler, status, b"<html>" + CANARY.encode(), Content_Type="text/html", **location)

    with serving(hostile(answer)) as port:
        error = refusal(f"http://127.0.0.1:{port}/a")
    assert error.reason == code
    assert CANARY not in error.message


def test_a_dumb_server_is_not_a_git_server_here(root: Path):
    bare = make_repository(root, "site", {"index.html": b"x"})
    git("update-server-info", folder=bare)
    refs = (bare / "info/refs").read_bytes()
    with serving(hostile(lambda h: reply(h, 200, refs, Content_Type="text/plain"))) as port:
        assert refusal(f"http://127.0.0.1:{port}/site.git").reason == SourceCode.NOT_GIT


@pytest.mark.parametrize(
    "garbage",
    [b"", b"zzzz", b"0003", b"fff", packet(b"# service=other\n") + b"0000", REFS[:50]],
)
def test_garbage_instead_of_references(garbage: bytes):
    with serving(hostile(lambda h: reply(h, 200, garbage, Content_Type=REFS_TYPE))) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == SourceCode.NOT_GIT


def test_a_server_that_does_not_speak_http():
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        with listener.accept()[0] as talker:
            talker.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

    thread = threading.Thread(target=talk)
    thread.start()
    error = refusal(f"http://127.0.0.1:{listener.getsockname()[1]}/a")
    thread.join()
    listener.close()
    assert error.reason == SourceCode.NOT_GIT


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = refusal(f"http://127.0.0.1:{port}/a")
    assert error.reason == SourceCode.UNREACHABLE
    assert error.retryable


def test_an_endless_list_of_references_ends():
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", REFS_TYPE)
        handler.end_headers()
        handler.wfile.write(REFS[:-4])
        line = packet(HEAD + b" refs/heads/" + b"x" * 60_000 + b"\n")
        try:
            for _ in range(2_000):
                handler.wfile.write(line)
        except OSError:
            return  # the client left, as it should

    with serving(hostile(answer)) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == SourceCode.TOO_LARGE


def test_an_endless_pack_ends():
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(packet(b"\x01PACK" + struct.pack(">II", 2, 900)))
        noise = zlib.compress(bytes(range(256)) * 200, 0)
        item = object_header(3, 51_200) + noise
        for _ in range(900):
            handler.wfile.write(packet(b"\x01" + item))
            sent.append(1)

    with serving(pack_server(endless)) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == SourceCode.TOO_LARGE
    assert len(sent) < 900


def test_endless_progress_messages_end():
    def chatter(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(4_000):
            handler.wfile.write(packet(b"\x02" + b"." * 60_000))

    with serving(pack_server(chatter)) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == SourceCode.TOO_LARGE


def test_one_deadline_covers_a_server_that_drips():
    def drip(handler: BaseHTTPRequestHandler) -> None:
        body = packet(b"\x01PACK" + struct.pack(">II", 2, 9))
        while True:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.05)

    limits = FetchLimits(seconds=0.6)
    with serving(pack_server(drip)) as port:
        error = refusal(f"http://127.0.0.1:{port}/a", limits=limits)
    assert error.reason == SourceCode.TIMEOUT
    assert error.retryable


def test_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        assert refusal(url, limits=FetchLimits(seconds=0.3)).reason == SourceCode.TIMEOUT


def bomb(declared: int, real: int, kind: int = 3) -> bytes:
    return object_header(kind, declared) + zlib.compress(bytes(real), 9)


@pytest.mark.parametrize(
    ("pack", "code"),
    [
        (pack_of(bomb(50_000_000, 50_000_000)), SourceCode.TOO_LARGE),
        (pack_of(*[bomb(99_000, 99_000)] * 5), SourceCode.TOO_LARGE),
        (pack_of(bomb(10, 50_000_000)), SourceCode.NOT_GIT),
        (
            # A delta of a few bytes whose result would be 50 MB.
            pack_of(
                bomb(1000, 1000),
                object_header(6, 8) + b"\x10" + zlib.compress(b"\xe8\x07\x80\xe1\xeb\x17\x90\x01"),
            ),
            SourceCode.TOO_LARGE,
        ),
        (b"PACK" + struct.pack(">II", 2, 4_000_000_000), SourceCode.TOO_MANY_FILES),
        (b"JUNK" + bytes(40), SourceCode.NOT_GIT),
        (pack_of(bomb(10, 10))[:-5], SourceCode.NOT_GIT),
        (pack_of(bomb(10, 10))[:-20] + bytes(20), SourceCode.NOT_GIT),
        (pack_of(bomb(10, 10)) + b"more", SourceCode.NOT_GIT),
        (pack_of(bomb(10, 10)), SourceCode.NOT_GIT),
        (pack_of(object_header(5, 0) + zlib.compress(b"")), SourceCode.NOT_GIT),
        (pack_of(object_header(3, 9) + b"not zlib at all....."), SourceCode.NOT_GIT),
        (pack_of(b"\xbf" + b"\xff" * 30), SourceCode.NOT_GIT),
        (pack_of(), SourceCode.NOT_GIT),
    ],
    ids=[
        "bomb", "many bombs", "lying bomb", "delta bomb", "object count", "no pack", "cut",
        "checksum", "tail", "without the commit", "unknown kind", "not zlib", "endless size",
        "nothing",
    ],
)  # fmt: skip
def test_packs_that_are_too_much_or_not_whole(pack: bytes, code: SourceCode):
    with serving(pack_server(lambda handler: send_pack(handler, pack))) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == code


def test_a_server_that_has_more_objects_than_it_was_asked_for_is_measured_in_any_pieces():
    pack = pack_of(*[bomb(90_000, 90_000)] * 4)

    def in_single_bytes(handler: BaseHTTPRequestHandler) -> None:
        for byte in pack:
            handler.wfile.write(packet(b"\x01" + bytes([byte])))
        handler.wfile.write(b"0000")

    with serving(pack_server(in_single_bytes)) as port:
        assert refusal(f"http://127.0.0.1:{port}/a").reason == SourceCode.TOO_LARGE


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = {thread.ident for thread in threading.enumerate()}
    yield
    left = [t for t in threading.enumerate() if t.ident not in before and not t.daemon]
    assert left == []
