"""The port SourceRepository against a real git server: what arrives, and what cannot be had."""

import hashlib
import logging
import socket
import threading
from pathlib import Path

import pytest
from tests.contract.git_server import (
    CANARY,
    HOSTS,
    SMALL,
    git,
    git_server,
    make_repository,
    publish,
    refusal,
    source,
)

from autoprovision.domain.git_source import (
    AllowedHosts,
    FetchLimits,
    SourceCode,
    SourceError,
    parse_project_url,
)
from autoprovision.domain.public_addresses import PrivateHosts, is_public
from autoprovision.source.addresses import resolve
from autoprovision.source.deadline import Deadline
from autoprovision.source.fetch import GitRepository, Network


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


# --- what works -----------------------------------------------------------------------------


def test_the_newest_commit_arrives_without_its_history(root: Path):
    files = {"index.html": b"<h1>hi</h1>", "a/b/c.css": b"p{}" * 9000, "empty": b""}
    bare = make_repository(root, "site", files, commits=30)
    with git_server(root) as (base, seen):
        tree = GitRepository(HOSTS).fetch(source(f"{base}/site.git"), {})
    with tree:
        assert {file.path: file.read() for file in tree} == files
        assert {file.path: file.size for file in tree} == {k: len(v) for k, v in files.items()}
        assert tree.commit == git("rev-parse", "HEAD", folder=bare)
        assert tree.contains("a/b/c.css")
        assert not tree.contains("a/b")
    assert not any("authorization" in request for request in seen)


def test_similar_files_that_travel_as_deltas_are_restored(root: Path):
    base_text = b"".join(hashlib.sha256(bytes([n])).hexdigest().encode() for n in range(250))
    files = {f"page{n}.html": base_text + b"<p>%d</p>" % n for n in range(8)}
    bare = make_repository(root, "site", files)
    git("repack", "-adfq", "--depth=50", "--window=50", folder=bare)
    with (
        git_server(root) as (base, _),
        GitRepository(HOSTS).fetch(source(f"{base}/site.git"), {}) as tree,
    ):
        assert {file.path: file.read() for file in tree} == files


def test_a_repository_that_names_its_objects_by_sha256(root: Path):
    work = root / "w"
    work.mkdir()
    git("init", "-q", "--object-format=sha256", folder=work)
    (work / "index.html").write_bytes(b"modern")
    git("add", "-A", folder=work)
    git("commit", "-qm", "x", folder=work)
    publish(root, "modern", work)
    with (
        git_server(root) as (base, _),
        GitRepository(HOSTS).fetch(source(f"{base}/modern.git"), {}) as tree,
    ):
        assert len(tree.commit) == 64
        assert tree.files["index.html"].read() == b"modern"


def test_a_link_to_a_file_inside_becomes_a_copy_and_the_executable_bit_is_kept(root: Path):
    work = root / "w"
    (work / "docs").mkdir(parents=True)
    git("init", "-q", folder=work)
    (work / "docs/real.html").write_bytes(b"real")
    (work / "run.sh").write_bytes(b"#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "index.html").symlink_to("docs/again.html")
    (work / "docs/again.html").symlink_to("real.html")
    git("add", "-A", folder=work)
    git("commit", "-qm", "x", folder=work)
    publish(root, "links", work)
    with (
        git_server(root) as (base, _),
        GitRepository(HOSTS).fetch(source(f"{base}/links.git"), {}) as tree,
    ):
        assert tree.files["index.html"].read() == b"real"
        assert tree.files["run.sh"].executable
        assert not tree.files["docs/real.html"].executable


def test_a_token_opens_a_private_repository_and_is_written_nowhere(
    root: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    make_repository(root, "site", {"index.html": b"private"})
    with git_server(root, token=CANARY) as (base, seen):
        with GitRepository(HOSTS).fetch(
            source(f"{base}/site.git"), {"AccessToken": CANARY}
        ) as tree:
            assert tree.files["index.html"].read() == b"private"
        denied = refusal(f"{base}/site.git", AccessToken="wrong-" + CANARY)
    assert denied.reason == SourceCode.ACCESS_DENIED
    assert all("authorization" in request for request in seen)
    assert not any(CANARY in request["path"] for request in seen)
    assert CANARY not in caplog.text + repr(denied) + str(denied.__cause__)


def test_large_file_storage_pointers_are_named(root: Path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    make_repository(root, "lfs", {"index.html": b"x", "big.mp4": pointer})
    with (
        git_server(root) as (base, _),
        GitRepository(HOSTS).fetch(source(f"{base}/lfs.git"), {}) as tree,
    ):
        assert tree.lfs_pointers == {"big.mp4"}


# --- repositories that cannot be had --------------------------------------------------------


def test_a_missing_repository_names_both_possibilities(root: Path):
    with git_server(root) as (base, _):
        error = refusal(f"{base}/nothing.git")
        with_token = refusal(f"{base}/nothing.git", AccessToken=CANARY)
    assert error.reason == SourceCode.NOT_FOUND
    assert "private" in error.message
    assert "AccessToken" in error.message
    assert with_token.reason == SourceCode.NOT_FOUND
    assert not error.retryable


def test_a_private_repository_without_a_token_gets_the_same_answer(root: Path):
    make_repository(root, "site", {"index.html": b"x"})
    with git_server(root, token=CANARY) as (base, _):
        assert refusal(f"{base}/site.git").reason == SourceCode.NOT_FOUND


def test_an_empty_repository(root: Path):
    git("init", "-q", "--bare", "empty.git", folder=root)
    with git_server(root) as (base, _):
        assert refusal(f"{base}/empty.git").reason == SourceCode.EMPTY


def test_a_default_branch_without_commits(root: Path):
    bare = make_repository(root, "site", {"index.html": b"x"})
    git("symbolic-ref", "HEAD", "refs/heads/elsewhere", folder=bare)
    with git_server(root) as (base, _):
        assert refusal(f"{base}/site.git").reason == SourceCode.EMPTY


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"big.bin": bytes(100_001)}, SourceCode.TOO_LARGE),
        ({f"{n}.bin": bytes([n]) * 90_000 for n in range(4)}, SourceCode.TOO_LARGE),
        ({f"{n}.bin": bytes(90_000) for n in range(4)}, SourceCode.TOO_LARGE),
        ({f"{n}.txt": b"x" for n in range(21)}, SourceCode.TOO_MANY_FILES),
        ({"d/" * 10 + "x" * 41: b"x"}, SourceCode.UNSAFE_PATH),
    ],
    ids=["one file", "all files", "one blob at many paths", "files", "path"],
)
def test_what_exceeds_a_limit(root: Path, files: dict[str, bytes], code: SourceCode):
    make_repository(root, "site", files)
    with git_server(root) as (base, _):
        assert refusal(f"{base}/site.git").reason == code


def test_a_folder_that_holds_itself_many_times_over(root: Path):
    work = root / "w"
    work.mkdir()
    git("init", "-q", folder=work)
    blob = git("hash-object", "-w", "--stdin", folder=work, stdin=b"x")
    entry = f"100644 blob {blob}\tf\n"
    for _ in range(8):
        tree = git("mktree", folder=work, stdin=entry.encode())
        entry = "".join(f"040000 tree {tree}\t{n}\n" for n in range(9))
    tree = git("mktree", folder=work, stdin=entry.encode())
    _commit_tree(root, work, tree)
    with git_server(root) as (base, _):
        assert refusal(f"{base}/site.git").reason == SourceCode.TOO_MANY_FILES


def _commit_tree(root: Path, work: Path, tree: str) -> None:
    commit = git("commit-tree", tree, "-m", "x", folder=work)
    git("update-ref", "refs/heads/main", commit, folder=work)
    publish(root, "site", work)


@pytest.mark.parametrize(
    ("entry", "code", "named"),
    [
        ("120000 blob {escape}\tlink", SourceCode.UNSAFE_PATH, "link"),
        ("120000 blob {absolute}\tlink", SourceCode.UNSAFE_PATH, "link"),
        ("120000 blob {dangling}\tlink", SourceCode.UNSAFE_PATH, "link"),
        ("120000 blob {itself}\tlink", SourceCode.UNSAFE_PATH, "circles"),
        ("160000 commit {any}\tvendor", SourceCode.HAS_SUBMODULE, "vendor"),
        ("100644 blob {blob}\tback\\\\slash", SourceCode.UNSAFE_PATH, "slash"),
        ("100644 blob {blob}\tbi\u202edi", SourceCode.UNSAFE_PATH, "character"),
        ("100644 blob {blob}\tGIT~1", SourceCode.UNSAFE_PATH, "GIT~1"),
    ],
)
def test_links_submodules_and_names_that_lead_elsewhere(
    root: Path, entry: str, code: SourceCode, named: str
):
    work = root / "w"
    work.mkdir()
    git("init", "-q", folder=work)
    targets = {"escape": "../../etc/passwd", "absolute": "/etc/passwd", "blob": "x"}
    targets |= {"dangling": "nowhere.html", "itself": "link"}
    ids = {
        name: git("hash-object", "-w", "--stdin", folder=work, stdin=text.encode())
        for name, text in targets.items()
    }
    line = entry.format(**ids, any="1" * 40)
    tree = git("mktree", "-z", folder=work, stdin=line.replace("\\\\", "\\").encode() + b"\0")
    _commit_tree(root, work, tree)
    with git_server(root) as (base, _):
        error = refusal(f"{base}/site.git")
    assert error.reason == code
    assert named in error.message


# --- names and addresses --------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.4", "192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "2002:a00:1::1", "2001:db8::1", "2001:0:a00:1::",
    ],
)  # fmt: skip
def test_no_address_inside_a_network_is_dialled(address: str):
    import ipaddress

    assert not is_public(ipaddress.ip_address(address))
    dialled = Network(resolver=lambda host, port: ["140.82.121.4", address])
    with pytest.raises(SourceError) as caught:
        GitRepository(HOSTS, SMALL, dialled).fetch(source("github.com/a/b"), {})
    assert caught.value.reason == SourceCode.HOST_NOT_ALLOWED
    assert address not in caught.value.message


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:50c0:8000::153", "::ffff:140.82.121.4"])
def test_ordinary_addresses_are_public(address: str):
    import ipaddress

    assert is_public(ipaddress.ip_address(address))


def test_a_host_that_an_operator_named_is_dialled_in_its_block_and_nowhere_else():
    hosts = AllowedHosts.parse("git.uni.edu")
    named = PrivateHosts.parse("git.uni.edu=10.8.0.0/24")
    for address, reason in (
        ("10.8.1.1", SourceCode.HOST_NOT_ALLOWED),
        ("169.254.169.254", SourceCode.HOST_NOT_ALLOWED),
    ):
        network = Network(resolver=lambda _h, _p, at=address: ["10.8.0.9", at], private_hosts=named)
        with pytest.raises(SourceError) as caught:
            GitRepository(hosts, SMALL, network).fetch(
                parse_project_url("git.uni.edu/a/b", allowed_hosts=hosts), {}
            )
        assert caught.value.reason == reason
    inside = Deadline(5)
    found = resolve(
        "git.uni.edu",
        443,
        deadline=inside,
        resolver=lambda _h, _p: ["10.8.0.9"],
        private_hosts=named,
    )
    assert found == ["10.8.0.9"]


def test_localhost_means_loopback_and_nothing_else():
    for address in ("140.82.121.4", "10.0.0.1"):
        network = Network(resolver=lambda host, port, address=address: [address])
        with pytest.raises(SourceError) as caught:
            GitRepository(HOSTS, SMALL, network).fetch(source("http://localhost:1/a"), {})
        assert caught.value.reason == SourceCode.HOST_NOT_ALLOWED


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(root: Path):
    make_repository(root, "site", {"index.html": b"pinned"})
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with git_server(root) as (base, seen):
        url = base.replace("127.0.0.1", "localhost") + "/site.git"
        with GitRepository(HOSTS, SMALL, Network(resolver=resolver)).fetch(source(url), {}) as tree:
            assert tree.files["index.html"].read() == b"pinned"
    assert asked == ["localhost"]
    assert seen[0]["host"].startswith("localhost:")


def test_a_name_nobody_knows_and_a_resolver_that_hangs():
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    released = threading.Event()

    def hangs(host: str, port: int) -> list[str]:
        released.wait(30)
        return []

    for resolver, code in ((unknown, SourceCode.UNREACHABLE), (hangs, SourceCode.TIMEOUT)):
        repository = GitRepository(HOSTS, FetchLimits(seconds=0.3), Network(resolver=resolver))
        with pytest.raises(SourceError) as caught:
            repository.fetch(source("github.com/a/b"), {})
        assert caught.value.reason == code
    released.set()


def test_a_source_is_checked_again_against_the_setting_of_now():
    wanted = source("github.com/a/b")
    with pytest.raises(SourceError) as caught:
        GitRepository(AllowedHosts.parse("gitlab.com")).fetch(wanted, {})
    assert caught.value.reason == SourceCode.HOST_NOT_ALLOWED


def test_nothing_is_left_in_the_scratch_folder(root: Path):
    make_repository(root, "site", {"index.html": b"x", "b.bin": bytes(100_001)})
    scratch = root / "scratch"
    scratch.mkdir()
    with git_server(root) as (base, _):
        GitRepository(HOSTS, scratch=scratch).fetch(source(f"{base}/site.git"), {}).close()
        with pytest.raises(SourceError):
            GitRepository(HOSTS, SMALL, scratch=scratch).fetch(source(f"{base}/site.git"), {})
    assert list(scratch.iterdir()) == []
