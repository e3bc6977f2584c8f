"""The port Sites on the embedded AWS: real files, real visits, and runs that are killed."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.git_server import HOSTS as GIT_HOSTS
from tests.contract.git_server import git_server, make_repository, source
from tests.integration.site_stack import ONE, THREE, TWO, Harming, Killed, Site, killed_at, tree_of

from autoprovision.aws.site_bucket import SiteBucket
from autoprovision.domain.errors import BusyError, UnavailableError
from autoprovision.domain.git_source import SourceCode, SourceError
from autoprovision.domain.site_files import choose_root
from autoprovision.embedded import launcher, localhost_names
from autoprovision.embedded.launcher import EmbeddedAws
from autoprovision.source import GitRepository


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    data = tmp_path_factory.mktemp("aws")
    try:
        yield launcher.start(data)
    finally:
        launcher.stop(data)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    localhost_names.install()


@pytest.fixture
def site(aws: EmbeddedAws) -> Site:
    return Site(aws)


def test_a_first_release_is_served_with_types_and_caching(site: Site):
    assert site.get("/")[0] == 404 or site.get("/")[0] == 403
    assert site.sites.publish(site.outputs, ONE, root="") == "1" * 40
    status, text, headers = site.get("/")
    assert (status, text) == (200, b"<h1>one</h1>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    script = site.get("/app.3f2a9c1b.js")
    assert script[2]["Content-Type"] == "text/javascript; charset=utf-8"
    assert script[2]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert site.get("/style.css")[2]["Cache-Control"] == "public, max-age=3600"
    assert site.get("/docs/")[:2] == (200, b"docs")
    assert site.get("/.well-known/security.txt")[0] == 200
    assert site.get("/.env")[0] == 404
    assert b"Not found" in site.get("/nothing")[1]
    assert not any("env" in key for key in site.stored())


def test_a_first_release_needs_no_switch_and_no_purge(site: Site):
    watched = Harming(site.cloudfront)
    site.through(cloudfront=watched).publish(site.outputs, ONE, root="")
    assert "update_distribution" not in watched.calls
    assert "create_invalidation" not in watched.calls


def test_a_second_release_replaces_the_first_wholly_and_the_third_removes_it(site: Site):
    site.sites.publish(site.outputs, ONE, root="")
    site.sites.publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>two</h1>"
    assert site.get("/old.html")[:2] == (404, b"lost")
    assert site.get("/new.html")[0] == 200
    assert site.invalidations() == 1
    assert site.folders() == {"first", "2" * 40}
    site.sites.publish(site.outputs, THREE, root="")
    assert site.home() == b"<h1>three</h1>"
    assert site.folders() == {"2" * 40, "3" * 40}
    assert site.sites.live_path(site.outputs) == "/releases/" + "3" * 40


def test_going_back_to_the_release_before_uploads_nothing(site: Site):
    for tree in (ONE, TWO):
        site.sites.publish(site.outputs, tree, root="")
    watched = Harming(site.s3)
    site.through(s3=watched).publish(site.outputs, ONE, root="")
    assert "put_object" not in watched.calls
    assert site.home() == b"<h1>one</h1>"
    assert site.folders() == {"first", "2" * 40}


def test_the_same_commit_again_changes_nothing(site: Site):
    for tree in (ONE, TWO, TWO):
        before = site.stored()
        watched, edge = Harming(site.s3), Harming(site.cloudfront)
        site.through(watched, edge).publish(site.outputs, tree, root="")
    assert "put_object" not in watched.calls
    assert "delete_objects" not in watched.calls
    assert "update_distribution" not in edge.calls
    assert site.stored() == before
    assert site.invalidations() == 1


def test_another_folder_of_the_same_commit_is_another_release(site: Site):
    tree = tree_of("4", {"index.html": b"top", "dist/index.html": b"dist"})
    site.sites.publish(site.outputs, tree, root="")
    site.sites.publish(site.outputs, tree, root="dist")
    assert site.home() == b"dist"


@pytest.mark.parametrize("number", range(1, 5))  # three files and the record
def test_killed_while_uploading_the_old_release_stays_and_the_next_try_finishes(
    site: Site, number: int
):
    site.sites.publish(site.outputs, ONE, root="")
    before = {path: site.get(path)[:2] for path in ("/", "/old.html", "/new.html")}
    with pytest.raises(Killed):
        site.through(s3=Harming(site.s3, put_object=killed_at(number))).publish(
            site.outputs, TWO, root=""
        )
    assert {path: site.get(path)[:2] for path in before} == before
    site.sites.publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>two</h1>"


@pytest.mark.parametrize("call", ["update_distribution", "get_distribution", "create_invalidation"])
def test_killed_around_the_switch_the_next_try_finishes(site: Site, call: str):
    site.sites.publish(site.outputs, ONE, root="")
    with pytest.raises(Killed):
        site.through(cloudfront=Harming(site.cloudfront, **{call: killed_at(1)})).publish(
            site.outputs, TWO, root=""
        )
    assert site.home() in {b"<h1>one</h1>", b"<h1>two</h1>"}
    site.sites.publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>two</h1>"
    assert site.invalidations() == 1


def test_a_killed_first_release_leaves_nothing_in_the_way_of_another_commit(site: Site):
    with pytest.raises(Killed):
        site.through(s3=Harming(site.s3, put_object=killed_at(5))).publish(
            site.outputs, ONE, root=""
        )
    assert site.home() != b"<h1>one</h1>"
    site.sites.publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>two</h1>"
    assert {key for key in site.stored() if key.startswith("releases/")} == {
        f"releases/first/{name}" for name in ("index.html", "new.html", "404.html")
    }


def test_half_an_upload_that_nobody_finishes_is_cleaned_up_by_the_next_release(site: Site):
    site.sites.publish(site.outputs, ONE, root="")
    with pytest.raises(Killed):
        site.through(s3=Harming(site.s3, put_object=killed_at(2))).publish(
            site.outputs, TWO, root=""
        )
    assert "2" * 40 in site.folders()
    site.sites.publish(site.outputs, THREE, root="")
    assert site.folders() == {"first", "3" * 40}


def test_a_file_that_did_not_arrive_is_noticed_before_the_switch(site: Site):
    site.sites.publish(site.outputs, ONE, root="")

    def lose_one(real: Any, _: int, arguments: dict[str, Any]) -> Any:
        return None if arguments["Key"].endswith("new.html") else real(**arguments)

    with pytest.raises(UnavailableError) as caught:
        site.through(s3=Harming(site.s3, put_object=lose_one)).publish(site.outputs, TWO, root="")
    assert caught.value.reason == "SITE_UPLOAD_INCOMPLETE"
    assert site.home() == b"<h1>one</h1>"


def test_from_a_git_repository_to_its_visitors(site: Site, tmp_path: Path):
    pages = {f"public/p/{n}.html": b"<p>same text</p>" * 200 + b"%d" % n for n in range(60)}
    make_repository(tmp_path, "site", {"public/index.html": b"from git", "a.txt": b"x", **pages})
    with (
        git_server(tmp_path) as (base, _),
        GitRepository(GIT_HOSTS).fetch(source(f"{base}/site.git"), {}) as tree,
    ):
        root = choose_root(tree, ["", "public"])
        assert site.sites.publish(site.outputs, tree, root=root).startswith(tree.commit)
    assert site.home() == b"from git"
    assert {n: site.get(f"/p/{n}.html")[1] for n in range(60)} == {
        n: pages[f"public/p/{n}.html"] for n in range(60)
    }
    assert site.get("/a.txt")[0] == 404


def test_two_at_the_same_time_one_is_told(site: Site):
    site.sites.publish(site.outputs, ONE, root="")

    def someone_else_first(real: Any, _: int, arguments: dict[str, Any]) -> Any:
        site.sites.publish(site.outputs, THREE, root="")
        return real(**arguments)

    with pytest.raises(BusyError):
        site.through(
            cloudfront=Harming(site.cloudfront, update_distribution=someone_else_first)
        ).publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>three</h1>"


def test_a_switch_that_is_slow_to_arrive_is_waited_for_and_purged_afterwards(site: Site):
    site.sites.publish(site.outputs, ONE, root="")

    def arrives_late(real: Any, count: int, arguments: dict[str, Any]) -> Any:
        answer = real(**arguments)
        if count < 3:
            answer["Distribution"]["Status"] = "InProgress"
        return answer

    edge = Harming(site.cloudfront, get_distribution=arrives_late)
    waits: list[float] = []
    SiteBucket(site.s3, edge, sleep=waits.append).publish(site.outputs, TWO, root="")
    assert len(waits) == 2
    assert edge.calls[-1] == "create_invalidation"
    never = Harming(
        site.cloudfront,
        get_distribution=lambda real, _, arguments: {"Distribution": {"Status": "InProgress"}},
    )
    with pytest.raises(UnavailableError) as caught:
        SiteBucket(site.s3, never, settle_seconds=0).publish(site.outputs, THREE, root="")
    assert caught.value.reason == "SITE_NOT_SETTLED"
    site.sites.publish(site.outputs, THREE, root="")
    assert site.home() == b"<h1>three</h1>"


def test_a_project_without_index_page_changes_nothing(site: Site):
    site.sites.publish(site.outputs, ONE, root="")
    with pytest.raises(SourceError) as caught:
        site.sites.publish(site.outputs, tree_of("5", {"readme.md": b""}), root="")
    assert caught.value.reason == SourceCode.NO_INDEX
    assert site.home() == b"<h1>one</h1>"
