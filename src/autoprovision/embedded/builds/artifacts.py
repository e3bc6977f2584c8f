"""Packs a build's artifact and puts it into S3."""

import glob
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoprovision.embedded.builds.aws_calls import AwsCalls
from autoprovision.embedded.builds.buildspec import ArtifactFiles
from autoprovision.embedded.builds.failures import PhaseFailed

_CODE = "CLIENT_ERROR"
_CHUNK = 1024 * 1024


def upload(
    wanted: dict[str, Any],
    files: ArtifactFiles,
    source: Path,
    calls: AwsCalls,
    *,
    name: str,
    build_id: str,
) -> dict[str, Any]:
    """Upload what the build made.

    Args:
        wanted: `artifacts` of the project, with the start's own above it.
        files: `artifacts` of the buildspec.
        source: The folder of the source.
        calls: The calls of the build.
        name: The artifact's name.
        build_id: The build's id without its project.

    Returns:
        `artifacts` of the build: where it lies and its checksums.

    Raises:
        PhaseFailed: Nothing fits the patterns, or the role may not write.
    """
    chosen = dict(_chosen(files, source))
    if not chosen:
        raise PhaseFailed(_CODE, "no matching artifact paths found")
    space = build_id if wanted.get("namespaceType") == "BUILD_ID" else ""
    steps = [str(wanted.get("path") or "").strip("/"), space, name.strip("/")]
    key, bucket = "/".join(filter(None, steps)), str(wanted["location"])
    made = {"location": "/".join(filter(None, [f"arn:aws:s3:::{bucket}", key]))}
    if wanted.get("packaging") != "ZIP":
        for inner, file in sorted(chosen.items()):
            calls.upload(file, bucket, "/".join(filter(None, [key, inner])))
        return made
    archive = source.parent / "artifact.zip"
    _pack(chosen, archive)
    calls.upload(archive, bucket, key)
    return {**made, "sha256sum": _digest(archive, "sha256"), "md5sum": _digest(archive, "md5")}


def _chosen(files: ArtifactFiles, source: Path) -> Iterator[tuple[str, Path]]:
    """Names in the artifact and the files of that name."""
    top = source.resolve()
    for base in _bases(files, source):
        excluded = {name for pattern in files.exclude for name in _matches(pattern, base)}
        for pattern in files.files:
            for name in _matches(pattern, base):
                file = base / name
                # A link must not carry a file of this machine into the artifact.
                if name in excluded or not file.is_file() or not _is_below(file, top):
                    continue
                yield (file.name if files.discard_paths else name), file


def _bases(files: ArtifactFiles, source: Path) -> list[Path]:
    named = files.base_directory
    found = [source / name for name in _matches(named, source)] if named else [source]
    bases = [base for base in found if base.is_dir() and _is_below(base, source.resolve())]
    if not bases:
        raise PhaseFailed(_CODE, f"no matching base directory path found for {named}")
    return bases


def _matches(pattern: str, folder: Path) -> list[str]:
    """Paths below a folder; `**` is any depth, and dot files count."""
    found = glob.glob(  # noqa: PTH207 - Path.glob cannot leave hidden files in before 3.13
        pattern.removeprefix("./"), root_dir=folder, recursive=True, include_hidden=True
    )
    return sorted(name for name in found if name and ".." not in Path(name).parts)


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)


def _pack(files: dict[str, Path], archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as zipped:
        for name, file in sorted(files.items()):
            zipped.write(file, name)


def _digest(file: Path, algorithm: str) -> str:
    found = hashlib.new(algorithm, usedforsecurity=False)
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
