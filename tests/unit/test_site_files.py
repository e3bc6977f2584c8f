"""The rules for a site's files: types, caching, what stays hidden, and where the root is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprovision.domain.git_source import SourceCode, SourceError, SourceFile, SourceTree
from autoprovision.domain.site_files import (
    FOREVER,
    ONE_HOUR,
    REVALIDATE,
    cache_control,
    choose_root,
    content_type,
    is_published,
    release_name,
    select_site,
)


def tree_of(*paths: str, pointers: tuple[str, ...] = ()) -> SourceTree:
    files = {
        path: SourceFile(path, len(path), False, "0" * 40, lambda path=path: path.encode())
        for path in sorted(paths)
    }
    return SourceTree("c" * 40, files, frozenset(pointers))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("A/B.HTM", "text/html; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("data.json", "application/json"),
        ("app.js.map", "application/json"),
        ("logo.svg", "image/svg+xml"),
        ("mod.wasm", "application/wasm"),
        ("site.webmanifest", "application/manifest+json"),
        ("f.woff2", "font/woff2"),
        ("f.ttf", "font/ttf"),
        ("p.avif", "image/avif"),
        ("p.webp", "image/webp"),
        ("sitemap.xml", "application/xml"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("notes.md", "text/markdown; charset=utf-8"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("sheet.xls", "application/vnd.ms-excel"),
        ("code.py", "text/x-python; charset=utf-8"),
        ("LICENSE", "text/plain; charset=utf-8"),
        (".well-known/apple-app-site-association", "application/json"),
        ("binary", "application/octet-stream"),
        ("what.zzz", "application/octet-stream"),
        ("end.", "application/octet-stream"),
        (".hidden", "application/octet-stream"),
    ],
)
def test_content_type_by_name(path: str, kind: str):
    assert content_type(path) == kind


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("index.html", REVALIDATE),
        ("deep/page.HTML", REVALIDATE),
        ("404.html", REVALIDATE),
        ("sw.js", REVALIDATE),
        ("site.webmanifest", REVALIDATE),
        ("index.3f2a9c1b.html", REVALIDATE),
        ("main.3f2a9c1b.js", FOREVER),
        ("main-3f2a9c1b77aa.css", FOREVER),
        ("img/logo.d41d8cd98f00b204e9800998ecf8427e.png", FOREVER),
        ("assets/index-BX3k2_9a.js", FOREVER),
        ("_astro/page.DqJ7x-3K.css", FOREVER),
        ("app.js", ONE_HOUR),
        ("report-20240101.pdf", ONE_HOUR),
        ("deadbeef-facade.png", ONE_HOUR),
        ("photo-Summer23.jpg", ONE_HOUR),
        ("assets/photo-Summer23.jpg", ONE_HOUR),
        ("js/jquery-Version3.js", ONE_HOUR),
        ("my-document.css", ONE_HOUR),
    ],
)
def test_cache_control_by_name(path: str, rule: str):
    assert cache_control(path) == rule


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".github/workflows/x.yml", ".env", ".env.local", "app.env.production",
        "sub/.env", ".htpasswd", ".DS_Store", "sub/.hidden/x.html", "server.pem", "tls/My.KEY",
        "id_rsa", "keys/id_ed25519", "x.p12", "terraform.tfstate", "node_modules/a/b.js",
        "Thumbs.db", ".well-known", ".well-known/.secret", "sub/.well-known/x", "credentials.json",
    ],
)  # fmt: skip
def test_what_visitors_never_see(path: str):
    assert not is_published(path)


@pytest.mark.parametrize(
    "path", ["index.html", ".well-known/security.txt", "a/b.c", "keynote.html", "environment.js"]
)
def test_what_visitors_see(path: str):
    assert is_published(path)


@given(st.text(min_size=1, max_size=60))
def test_every_name_has_a_type_and_a_rule(path: str):
    assert "/" in content_type(path)
    assert cache_control(path) in {REVALIDATE, ONE_HOUR, FOREVER}


def test_the_first_candidate_with_an_index_page_is_the_root():
    tree = tree_of("dist/index.html", "docs/index.html", "README.md")
    assert choose_root(tree, ["", "public", "dist", "docs"]) == "dist"
    assert choose_root(tree, ["./docs/"]) == "docs"
    assert choose_root(tree_of("index.html"), ["", "dist"]) == ""


def test_no_index_page_gets_one_clear_answer():
    with pytest.raises(SourceError) as hinted:
        choose_root(tree_of("public/index.html", "README.md"), ["", "dist"])
    assert hinted.value.reason == SourceCode.NO_INDEX
    assert hinted.value.message == (
        "The repository has no index page: index.html or dist/index.html is missing. "
        "There is one in public/."
    )
    with pytest.raises(SourceError, match="has no index page") as plain:
        select_site(tree_of("Index.html"), "")
    assert plain.value.reason == SourceCode.NO_INDEX


@pytest.mark.parametrize("root", ["..", "a/../b", "a\\b", "/../x"])
def test_a_root_outside_the_repository(root: str):
    with pytest.raises(SourceError) as caught:
        select_site(tree_of("index.html"), root)
    assert caught.value.reason == SourceCode.UNSAFE_PATH


def test_a_site_from_a_folder():
    tree = tree_of(
        "public/index.html", "public/docs/index.html", "public/.env", "public/a.css",
        "secret.txt", "publicity/index.html",
    )  # fmt: skip
    site = {file.path: file for file in select_site(tree, "/public/")}
    assert sorted(site) == ["404.html", "a.css", "docs/", "docs/index.html", "index.html"]
    assert site["docs/"].read() == b"public/docs/index.html"
    assert site["docs/"].content_type == "text/html; charset=utf-8"
    assert site["docs/"].cache_control == REVALIDATE
    assert b"Not found" in site["404.html"].read()
    assert site["404.html"].size == len(site["404.html"].read())


def test_a_sites_own_page_for_what_is_missing_is_kept():
    site = {file.path: file for file in select_site(tree_of("index.html", "404.html"), "")}
    assert site["404.html"].read() == b"404.html"


def test_a_pointer_to_large_file_storage_is_named_when_it_would_be_published():
    with pytest.raises(SourceError, match=r"big\.mp4") as caught:
        select_site(tree_of("index.html", "big.mp4", pointers=("big.mp4",)), "")
    assert caught.value.reason == SourceCode.LFS_POINTER
    select_site(tree_of("www/index.html", "big.mp4", pointers=("big.mp4",)), "www")


def test_a_release_is_named_by_commit_and_folder():
    tree = tree_of("index.html", "a/index.html")
    assert release_name(tree, "") == release_name(tree, "/") == "c" * 40
    assert release_name(tree, "a").startswith("c" * 40 + "-")
    assert release_name(tree, "a") == release_name(tree, "a/") != release_name(tree, "b")
