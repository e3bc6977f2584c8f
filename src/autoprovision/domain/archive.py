"""Trees as ZIP files: what a build is given, and what it gave.

What comes out of a build is as hostile as what goes in: every name is checked, links are refused,
and nothing is unpacked before its size is known. The same tree makes the same bytes.
"""

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from autoprovision.domain.git_source import SourceCode, SourceError, SourceFile, SourceTree

# ZIP knows no earlier moment.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_PLAIN, _EXECUTABLE = 0o100644, 0o100755
_MODE_SHIFT = 16
_MB = 1024 * 1024
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """What a build may give back.

    Attributes:
        packed_bytes: of the ZIP file.
        total_bytes: of all files, unpacked.
    """

    packed_bytes: int = 250 * _MB
    total_bytes: int = 250 * _MB
    files: int = 20_000
    path_bytes: int = 900


def pack(tree: SourceTree, root: str, target: IO[bytes]) -> None:
    """Write the files of a folder of the tree as a ZIP file.

    Args:
        root: the folder; empty for the top.

    Raises:
        SourceError: a file is only a pointer to Git LFS.
    """
    prefix = f"{root}/" if root else ""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(path for path in tree.files if path.startswith(prefix)):
            if path in tree.lfs_pointers:
                raise SourceError(
                    SourceCode.LFS_POINTER,
                    f"{path} is kept in Git LFS, and only its pointer is in the repository. "
                    "Commit the file itself.",
                )
            file = tree.files[path]
            entry = zipfile.ZipInfo(path.removeprefix(prefix), _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (_EXECUTABLE if file.executable else _PLAIN) << _MODE_SHIFT
            archive.writestr(entry, file.read())


def unpacked(content: IO[bytes], commit: str, limits: OutputLimits) -> SourceTree:
    """What a build gave, as a tree whose files are read when they are asked for.

    Args:
        content: the ZIP file; closed with the tree.
        commit: what was built. The tree's name is that and a mark of its content, because one
            commit built with other settings is another release.

    Raises:
        SourceError: it is no ZIP file, too large, or names what is not below its folder.
    """
    try:
        archive = zipfile.ZipFile(content)
    except zipfile.BadZipFile as error:
        raise SourceError(
            SourceCode.BUILD_OUTPUT_BROKEN, "The build's output is not a ZIP file."
        ) from error
    entries = [one for one in archive.infolist() if not one.is_dir()]
    _check_size(entries, limits)
    files: dict[str, SourceFile] = {}
    marks = hashlib.sha256()
    for entry in sorted(entries, key=lambda one: one.filename):
        _check_name(entry, files, limits)
        marks.update(f"{entry.filename}\0{entry.CRC}\0{entry.file_size}\0".encode())
        mode = entry.external_attr >> _MODE_SHIFT
        files[entry.filename] = SourceFile(
            entry.filename, entry.file_size, bool(mode & stat.S_IXUSR), f"{entry.CRC:08x}",
            _reader(archive, entry),
        )  # fmt: skip
    return SourceTree(f"{commit}-{marks.hexdigest()[:8]}", files, close=content.close)


def _check_size(entries: list[zipfile.ZipInfo], limits: OutputLimits) -> None:
    total = sum(one.file_size for one in entries)
    if total > limits.total_bytes:
        raise SourceError(
            SourceCode.BUILD_OUTPUT_TOO_LARGE,
            f"The build's output has {total / _MB:.0f} MB; it may have "
            f"{limits.total_bytes / _MB:.0f} MB.",
        )
    if len(entries) > limits.files:
        raise SourceError(
            SourceCode.BUILD_OUTPUT_TOO_LARGE,
            f"The build's output has {len(entries)} files; it may have {limits.files}.",
        )


def _check_name(entry: zipfile.ZipInfo, known: dict[str, SourceFile], limits: OutputLimits) -> None:
    name = entry.filename
    why = ""
    if _leads_out(name):
        why = "it leads out of the output"
    elif any(ord(character) < 32 or ord(character) == 127 for character in name):
        why = "its name holds a control character"
    elif len(name.encode()) > limits.path_bytes:
        why = f"its name is longer than {limits.path_bytes} bytes"
    elif stat.S_ISLNK(entry.external_attr >> _MODE_SHIFT):
        why = "it is a symbolic link"
    elif name in known:
        why = "it stands there twice"
    elif entry.flag_bits & 1:
        why = "it is encrypted"
    if why:
        shown = "".join(char if char.isprintable() else "?" for char in name)[:_SHOWN]
        raise SourceError(
            SourceCode.UNSAFE_PATH, f"{shown} of the build's output cannot be published: {why}."
        )


def _leads_out(name: str) -> bool:
    segments = name.split("/")
    return "\\" in name or ":" in segments[0] or any(one in ("", ".", "..") for one in segments)


def _reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return archive.read(entry)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise SourceError(
                SourceCode.BUILD_OUTPUT_BROKEN,
                f"{entry.filename} of the build's output is damaged.",
            ) from error

    return read
