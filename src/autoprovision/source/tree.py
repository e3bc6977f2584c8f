"""A commit's tree as a flat list of files, every name and link checked.

A name is refused rather than repaired: what is published has to be what was committed.
Links: a symbolic link to a file of the same commit becomes a copy of that file; one that leaves
the commit, dangles, or names a folder is refused. A submodule is refused by name.
"""

import posixpath
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dulwich.objects import parse_tree

from autoprovision.domain.git_source import FetchLimits, SourceCode, SourceError, SourceFile
from autoprovision.source.pack import BLOB, TREE, PackStore, broken, too_large, too_many_files

_GITLINK = 0o160000
_MAX_LINK_HOPS = 8
_MAX_LINK_BYTES = 4096
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_LFS_POINTER_BYTES = 1024
_UNSAFE_CHARACTERS = re.compile("[\x00-\x1f\x7f\\\\\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_GIT_FOLDER = re.compile(r"\.git[ .]*|git~[0-9]+", re.IGNORECASE)
_SHOWN = 120


@dataclass(slots=True)
class _Walk:
    store: PackStore
    limits: FetchLimits
    id_bytes: int
    files: dict[str, SourceFile] = field(default_factory=dict)
    links: dict[str, bytes] = field(default_factory=dict)
    pointers: set[str] = field(default_factory=set)
    folders: int = 0
    total: int = 0


def read_tree(
    store: PackStore, root: bytes, limits: FetchLimits
) -> tuple[dict[str, SourceFile], frozenset[str]]:
    """List the files below a tree object, and which of them are pointers to Git LFS.

    Raises:
        SourceError: unsafe path, submodule, too large, too many files, or not valid git.
    """
    walk = _Walk(store, limits, len(root))
    pending = [("", root)]
    while pending:
        folder, tree = pending.pop()
        walk.folders += 1
        if walk.folders > limits.files:
            raise too_many_files(limits)
        pending.extend(_read_folder(walk, folder, tree))
    for path in sorted(walk.links):
        target = _follow(walk, path)
        _add(walk, SourceFile(path, target.size, target.executable, target.digest, target.read))
        if target.path in walk.pointers:
            walk.pointers.add(path)
    return dict(sorted(walk.files.items())), frozenset(walk.pointers)


def _read_folder(walk: _Walk, folder: str, tree: bytes) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    try:
        entries = list(parse_tree(walk.store.read(tree, TREE), sha_len=walk.id_bytes, strict=True))
    except ValueError as error:
        raise broken() from error
    for raw_name, mode, hex_id in entries:
        object_id = bytes.fromhex(hex_id.decode("ascii"))
        name = _checked_name(folder, raw_name)
        path = folder + name
        if name in seen:
            raise broken()
        seen.add(name)
        if len(path.encode()) > walk.limits.path_bytes:
            raise unsafe(path, f"it is longer than {walk.limits.path_bytes} bytes")
        if mode == _GITLINK:
            raise SourceError(
                SourceCode.HAS_SUBMODULE,
                f"{_shown(path)} is a git submodule, and submodules are not fetched. "
                "Put its files into the repository itself.",
            )
        if stat.S_ISDIR(mode):
            yield path + "/", object_id
        elif stat.S_ISLNK(mode):
            walk.links[path] = object_id
        elif stat.S_ISREG(mode):
            _add_blob(walk, path, mode, object_id)
        else:
            raise unsafe(path, "it is neither a file nor a folder")


def _checked_name(folder: str, raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise unsafe(folder + raw.decode("utf-8", "replace"), "its name is not UTF-8") from None
    if not name or "/" in name or name in (".", ".."):
        raise unsafe(folder + name, "its name leads elsewhere")
    if _UNSAFE_CHARACTERS.search(name):
        raise unsafe(folder + name, "its name holds a character that is not safe in a path")
    if _GIT_FOLDER.fullmatch(name):
        raise unsafe(folder + name, "git keeps this name for itself")
    return name


def _add_blob(walk: _Walk, path: str, mode: int, object_id: bytes) -> None:
    size = _size(walk, object_id)
    _add(
        walk,
        SourceFile(
            path, size, bool(mode & stat.S_IXUSR), object_id.hex(), _reader(walk, object_id)
        ),
    )
    if size <= _LFS_POINTER_BYTES and walk.store.read(object_id, BLOB).startswith(_LFS_POINTER):
        walk.pointers.add(path)


def _reader(walk: _Walk, object_id: bytes) -> Callable[[], bytes]:
    store = walk.store
    return lambda: store.read(object_id, BLOB)


def _size(walk: _Walk, object_id: bytes) -> int:
    try:
        return walk.store.size(object_id)
    except KeyError:
        raise broken() from None


def _add(walk: _Walk, file: SourceFile) -> None:
    if len(walk.files) >= walk.limits.files:
        raise too_many_files(walk.limits)
    # One blob may stand at many paths; what counts is what would be published.
    walk.total += file.size
    if walk.total > walk.limits.total_bytes:
        raise too_large(walk.limits)
    walk.files[file.path] = file


def _follow(walk: _Walk, path: str) -> SourceFile:
    at = path
    for _ in range(_MAX_LINK_HOPS):
        object_id = walk.links.get(at)
        if object_id is None:
            found = walk.files.get(at)
            if found is None:
                raise unsafe(path, "it is a symbolic link to something that is no file here")
            return found
        if _size(walk, object_id) > _MAX_LINK_BYTES:
            raise unsafe(path, "it is a symbolic link with an endless target")
        target = walk.store.read(object_id, BLOB).decode("utf-8", "replace")
        at = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
        if target.startswith("/") or "\\" in target or at == ".." or at.startswith("../"):
            raise unsafe(path, "it is a symbolic link that leads out of the repository")
    raise unsafe(path, "it is a symbolic link that leads in circles")


def unsafe(path: str, why: str) -> SourceError:
    """The error for a path that is not published, naming it."""
    return SourceError(SourceCode.UNSAFE_PATH, f"{_shown(path)} cannot be published: {why}.")


def _shown(path: str) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in path)
    return clean if len(clean) <= _SHOWN else clean[:_SHOWN] + "…"
