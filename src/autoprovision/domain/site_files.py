"""Which files of a project become a web site, and how each is served.

Everything a browser or a cache is told about a file is decided here from its name alone, the same
way on every machine: the tables of the operating system are not asked.
"""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from autoprovision.domain.git_source import SourceCode, SourceError, SourceTree

INDEX = "index.html"
NOT_FOUND_PAGE = "404.html"
WELL_KNOWN = ".well-known"
# Folders in which generators leave a site, for the hint when a root has no index page.
USUAL_ROOTS = ("public", "dist", "build", "_site", "docs", "site", "www", "out", "src")

_UTF8 = "; charset=utf-8"
_PINNED: Mapping[str, str] = {
    ".html": "text/html" + _UTF8,
    ".htm": "text/html" + _UTF8,
    ".xhtml": "application/xhtml+xml" + _UTF8,
    ".css": "text/css" + _UTF8,
    ".js": "text/javascript" + _UTF8,
    ".mjs": "text/javascript" + _UTF8,
    ".cjs": "text/javascript" + _UTF8,
    ".json": "application/json",
    ".map": "application/json",
    ".jsonld": "application/ld+json",
    ".geojson": "application/geo+json",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".txt": "text/plain" + _UTF8,
    ".md": "text/markdown" + _UTF8,
    ".csv": "text/csv" + _UTF8,
    ".vtt": "text/vtt" + _UTF8,
    ".ics": "text/calendar" + _UTF8,
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".apng": "image/apng",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".jxl": "image/jxl",
    ".ico": "image/vnd.microsoft.icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".eot": "application/vnd.ms-fontobject",
    ".wasm": "application/wasm",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
}
_WITHOUT_SUFFIX: Mapping[str, str] = {
    "apple-app-site-association": "application/json",
    "license": "text/plain" + _UTF8,
    "readme": "text/plain" + _UTF8,
    "cname": "text/plain" + _UTF8,
}
_PYTHON_TABLE = mimetypes.MimeTypes(filenames=()).types_map[True]
_UNKNOWN_TYPE = "application/octet-stream"

REVALIDATE = "no-cache"
ONE_HOUR = "public, max-age=3600"
FOREVER = "public, max-age=31536000, immutable"

# Names that browsers look up again and again under the same address.
_ALWAYS_FRESH = frozenset(
    {"sw.js", "service-worker.js", "serviceworker.js", "manifest.json", "robots.txt"}
)
_HEX_FINGERPRINT = re.compile(r"(?<=[._-])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,64}(?=\.)")
# Bundlers that write base64 (eight characters) keep scripts and styles in folders of their own.
_BUNDLER_FOLDERS = frozenset({"assets", "_astro", "_next", "_app", "chunks", "immutable"})
_BUNDLER_FINGERPRINT = re.compile(
    r"[._-](?=[\w-]*[0-9])(?=[\w-]*[A-Z])[A-Za-z0-9_-]{8}\.(?:m?js|css)$"
)

_SECRET_SUFFIXES = (
    ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".ppk", ".kdbx", ".tfstate", ".tfvars",
)  # fmt: skip
_SECRET_NAMES = frozenset({"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials.json"})
_LITTER = frozenset({"thumbs.db", "desktop.ini", "node_modules"})

_PLAIN_404 = (
    b'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Not found</title>\n'
    b"<h1>Not found</h1>\n<p>There is no such page here.</p></html>\n"
)


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file as it is served.

    Attributes:
        path: where it stands below the site's address; a folder's page ends with a slash.
        size: bytes.
        read: gives the bytes, each time anew.
    """

    path: str
    content_type: str
    cache_control: str
    size: int
    read: Callable[[], bytes] = field(repr=False, compare=False)


def content_type(path: str) -> str:
    """The media type of a file by its name; text is UTF-8."""
    name = path.rsplit("/", 1)[-1].lower()
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        return _WITHOUT_SUFFIX.get(name, _UNKNOWN_TYPE)
    pinned = _PINNED.get("." + suffix)
    if pinned:
        return pinned
    found = _PYTHON_TABLE.get("." + suffix, _UNKNOWN_TYPE)
    return found + _UTF8 if found.startswith("text/") else found


def cache_control(path: str) -> str:
    """How long a file may be kept: pages not without asking, fingerprinted files for ever."""
    name = path.rsplit("/", 1)[-1]
    if name.lower() in _ALWAYS_FRESH or name.lower().endswith((".html", ".htm", ".webmanifest")):
        return REVALIDATE
    if _HEX_FINGERPRINT.search(name):
        return FOREVER
    folders = set(path.split("/")[:-1])
    if folders & _BUNDLER_FOLDERS and _BUNDLER_FINGERPRINT.search(name):
        return FOREVER
    return ONE_HOUR


def is_published(path: str) -> bool:
    """Say whether a file, named relative to the site's root, may ever be seen by visitors.

    Hidden files and folders are not (`.git`, `.github`, `.env`), except `.well-known` at the top;
    nor are keys, credentials and what tools leave behind.
    """
    segments = path.split("/")
    if segments[0] == WELL_KNOWN and len(segments) > 1:
        segments = segments[1:]
    name = segments[-1].lower()
    return (
        not any(segment.startswith(".") for segment in segments)
        and not any(segment.lower() in _LITTER for segment in segments)
        and name not in _SECRET_NAMES
        and not name.endswith(_SECRET_SUFFIXES)
        and ".env." not in name
    )


def choose_root(tree: SourceTree, candidates: Iterable[str]) -> str:
    """The first of the candidate folders that holds an index page (`""` is the repository's top).

    Raises:
        SourceError: SOURCE_NO_INDEX when none does.
    """
    roots = [clean_root(candidate) for candidate in candidates]
    for root in roots:
        if tree.contains(root + INDEX):
            return root.rstrip("/")
    raise no_index(tree, roots)


def clean_root(root: str) -> str:
    """A root folder as a prefix of paths: `""` or `public/`.

    Raises:
        SourceError: SOURCE_UNSAFE_PATH when it leads out of the repository.
    """
    segments = [segment for segment in root.split("/") if segment not in ("", ".")]
    if any(segment == ".." or "\\" in segment for segment in segments):
        raise SourceError(
            SourceCode.UNSAFE_PATH, f"The site's folder {root!r} leads out of the repository."
        )
    return "/".join(segments) + "/" if segments else ""


def no_index(tree: SourceTree, roots: Iterable[str]) -> SourceError:
    """The error for a repository without an index page, with a hint where one is."""
    looked = " or ".join(f"{root}{INDEX}" for root in roots)
    elsewhere = [f"{name}/" for name in USUAL_ROOTS if tree.contains(f"{name}/{INDEX}")]
    hint = f" There is one in {elsewhere[0]}." if elsewhere else ""
    return SourceError(
        SourceCode.NO_INDEX, f"The repository has no index page: {looked} is missing.{hint}"
    )


def select_site(tree: SourceTree, root: str) -> tuple[SiteFile, ...]:
    """The files that are published from a folder of the tree, sorted by path.

    A folder's `index.html` is served for the folder's address too (`docs/` for `docs/index.html`).
    A site without a page for what is missing gets a plain one.

    Raises:
        SourceError: no index page, or a file that is only a pointer to Git LFS.
    """
    prefix = clean_root(root)
    if not tree.contains(prefix + INDEX):
        raise no_index(tree, [prefix])
    chosen: dict[str, SiteFile] = {}
    for file in tree:
        path = file.path.removeprefix(prefix)
        if not file.path.startswith(prefix) or not is_published(path):
            continue
        if file.path in tree.lfs_pointers:
            raise SourceError(
                SourceCode.LFS_POINTER,
                f"{file.path} is kept in Git LFS, and only its pointer is in the repository. "
                "Commit the file itself.",
            )
        served = SiteFile(path, content_type(path), cache_control(path), file.size, file.read)
        chosen[path] = served
        folder, slash, name = path.rpartition("/")
        if slash and name == INDEX:
            chosen[folder + "/"] = SiteFile(
                folder + "/", served.content_type, served.cache_control, file.size, file.read
            )
    if NOT_FOUND_PAGE not in chosen:
        chosen[NOT_FOUND_PAGE] = SiteFile(
            NOT_FOUND_PAGE,
            content_type(NOT_FOUND_PAGE),
            cache_control(NOT_FOUND_PAGE),
            len(_PLAIN_404),
            lambda: _PLAIN_404,
        )
    return tuple(chosen[path] for path in sorted(chosen))


def release_name(tree: SourceTree, root: str) -> str:
    """The name of what this commit publishes from this folder; the same again, the same name."""
    prefix = clean_root(root)
    if not prefix:
        return tree.commit
    return f"{tree.commit}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"
