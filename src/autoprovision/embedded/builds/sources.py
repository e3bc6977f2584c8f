"""Brings a build's source and finds its buildspec."""

import stat
import zipfile
from pathlib import Path
from typing import Any

from autoprovision.embedded.builds.aws_calls import AwsCalls
from autoprovision.embedded.builds.buildspec import Buildspec, BuildspecError, is_inline, parse
from autoprovision.embedded.builds.failures import PhaseFailed
from autoprovision.embedded.builds.limits import Limits

_S3_ARN = "arn:aws:s3:::"
_DEFAULT_BUILDSPEC = "buildspec.yml"
_ALL_MAY = 0o777


def bring(
    source: dict[str, Any], version: str, calls: AwsCalls, folder: Path, limits: Limits
) -> None:
    """Put the source into a folder.

    Raises:
        PhaseFailed: It cannot be had.
    """
    kind = source.get("type", "NO_SOURCE")
    if kind == "NO_SOURCE":
        return
    if kind != "S3":
        raise PhaseFailed(
            "CLIENT_ERROR", f"The embedded AWS brings sources of S3 only, not of {kind}"
        )
    bucket, _, key = str(source.get("location", "")).removeprefix(_S3_ARN).partition("/")
    archive = folder.parent / "source.zip"
    calls.download(bucket, key, version, archive)
    try:
        _unpack(archive, folder, limits)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise PhaseFailed("CLIENT_ERROR", f"The source is no ZIP file: {problem}") from problem
    archive.unlink()


def _unpack(archive: Path, folder: Path, limits: Limits) -> None:
    with zipfile.ZipFile(archive) as zipped:
        entries = zipped.infolist()
        if sum(entry.file_size for entry in entries) > limits.folder:
            raise PhaseFailed("CLIENT_ERROR", "The source is too large when unpacked")
        for entry in entries:
            # ZipFile keeps names below the folder, and writes no links.
            target = Path(zipped.extract(entry, folder))
            if target.is_file() and (mode := entry.external_attr >> 16 & _ALL_MAY):
                target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)


def buildspec(source: dict[str, Any], calls: AwsCalls, folder: Path) -> Buildspec:
    """The buildspec that a project or a start names: inline, in S3, or a file of the source.

    Raises:
        PhaseFailed: There is none, or it cannot be read.
    """
    named = str(source.get("buildspec") or "")
    try:
        return parse(named if is_inline(named) else _file(named, calls, folder))
    except BuildspecError as problem:
        raise PhaseFailed("YAML_FILE_ERROR", str(problem)) from problem


def _file(named: str, calls: AwsCalls, folder: Path) -> str:
    if named.startswith(_S3_ARN):
        bucket, _, key = named.removeprefix(_S3_ARN).partition("/")
        file = folder.parent / "buildspec.yml"
        calls.download(bucket, key, "", file)
    else:
        file = (folder / (named or _DEFAULT_BUILDSPEC)).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            raise PhaseFailed("YAML_FILE_ERROR", "YAML file does not exist")
    return file.read_text(errors="replace")
