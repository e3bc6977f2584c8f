"""A pack as it arrives: measured while it is read, kept in a scratch file, opened by object id.

The measuring inflates every object into nothing, so that a small pack with huge contents is
refused after the first byte too many and not once it fills the memory.
"""

import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from dulwich.object_format import ObjectFormat
from dulwich.pack import (
    DeltaChainIterator,
    MemoryPackIndex,
    Pack,
    PackData,
    UnpackedObject,
)

from autoprovision.domain.git_source import FetchLimits, SourceCode, SourceError

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
_KINDS = frozenset({COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA})
_HEADER_BYTES = 12
_VARINT_BYTES = 10  # 70 bits; more is no size
_INFLATE_BYTES = 65536
_MORE = 0x80
_MEGABYTE = 1024 * 1024


def broken() -> SourceError:
    """The error for data that is no valid git."""
    return SourceError(
        SourceCode.NOT_GIT, "The git server sent data that is damaged or not valid git."
    )


class _Incomplete(Exception):  # noqa: N818 - not an error: more bytes are on their way
    pass


def _size_at(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A little-endian base-128 number and where it ends."""
    value = shift = 0
    for position in range(at, at + _VARINT_BYTES):
        if position >= len(data):
            raise _Incomplete
        value |= (data[position] & ~_MORE) << shift
        shift += 7
        if not data[position] & _MORE:
            return value, position + 1
    raise broken()


class PackMeter:
    """Takes a pack in pieces, writes them to a file and refuses what exceeds the limits."""

    def __init__(self, limits: FetchLimits, id_bytes: int, out: IO[bytes]) -> None:
        self._limits = limits
        self._id_bytes = id_bytes
        self._out = out
        self._buffer = bytearray()
        self._objects_left: int | None = None
        self._total = 0
        self._next: Callable[[], None] = self._header
        self._inflater = zlib.decompressobj()
        self._declared = self._inflated = 0
        self._delta_head: bytearray | None = None

    def feed(self, data: bytes) -> int:
        """Take the next piece.

        Raises:
            SourceError: too large, too many files, or not valid git.
        """
        self._out.write(data)
        self._buffer += data
        try:
            while self._buffer:
                self._next()
        except _Incomplete:
            pass
        except zlib.error as error:
            raise broken() from error
        return len(data)

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            SourceError: the pack is not whole.
        """
        if self._objects_left != 0 or len(self._buffer) != self._id_bytes:
            raise broken()
        self._out.flush()

    def _header(self) -> None:
        if len(self._buffer) < _HEADER_BYTES:
            raise _Incomplete
        if self._buffer[:4] != b"PACK":
            raise broken()
        count = int.from_bytes(self._buffer[8:12], "big")
        # Blobs are at most the files, trees hardly more; the rest is the commit.
        if count > 3 * self._limits.files + 1000:
            raise too_many_files(self._limits)
        del self._buffer[:_HEADER_BYTES]
        self._objects_left = count
        self._next = self._entry if count else self._trailer

    def _entry(self) -> None:
        first = self._buffer[0]
        kind, size, at = (first >> 4) & 7, first & 15, 1
        if first & _MORE:
            rest, at = _size_at(self._buffer, 1)
            size |= rest << 4
        if kind not in _KINDS:
            raise broken()
        if kind == OFS_DELTA:
            _, at = _size_at(self._buffer, at)
        elif kind == REF_DELTA:
            at += self._id_bytes
        if len(self._buffer) < at:
            raise _Incomplete
        del self._buffer[:at]
        self._delta_head = bytearray() if kind in (OFS_DELTA, REF_DELTA) else None
        self._account(size)
        self._declared, self._inflated = size, 0
        self._inflater = zlib.decompressobj()
        self._next = self._body

    def _body(self) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        while data and not self._inflater.eof:
            piece = self._inflater.decompress(data, _INFLATE_BYTES)
            data = self._inflater.unconsumed_tail
            self._inflated += len(piece)
            if self._inflated > self._declared:
                raise broken()
            if self._delta_head is not None:
                self._weigh_delta(piece)
        if not self._inflater.eof:
            return
        if self._inflated != self._declared or self._delta_head is not None:
            raise broken()
        self._buffer += self._inflater.unused_data
        assert self._objects_left is not None  # noqa: S101 - the header came first
        self._objects_left -= 1
        self._next = self._entry if self._objects_left else self._trailer

    def _weigh_delta(self, piece: bytes) -> None:
        """A delta says how large its result is; that counts, before anybody builds it."""
        assert self._delta_head is not None  # noqa: S101 - the caller looked
        self._delta_head += piece[: 2 * _VARINT_BYTES]
        try:
            _, at = _size_at(self._delta_head, 0)
            result, _ = _size_at(self._delta_head, at)
        except _Incomplete:
            return
        self._delta_head = None
        self._account(result)

    def _trailer(self) -> None:
        if len(self._buffer) > self._id_bytes:
            raise broken()
        raise _Incomplete

    def _account(self, size: int) -> None:
        if size > self._limits.file_bytes:
            raise SourceError(
                SourceCode.TOO_LARGE,
                f"A file of the repository is larger than {self._limits.file_bytes // _MEGABYTE} "
                "MB, the most that one file may have.",
            )
        self._total += size
        if self._total > self._limits.total_bytes:
            raise too_large(self._limits)


def too_large(limits: FetchLimits) -> SourceError:
    """The error for a repository above the size limit."""
    return SourceError(
        SourceCode.TOO_LARGE,
        f"The repository holds more than {limits.total_bytes // _MEGABYTE} MB of files, "
        "the most that is published.",
    )


def too_many_files(limits: FetchLimits) -> SourceError:
    """The error for a repository above the limit of files."""
    return SourceError(
        SourceCode.TOO_MANY_FILES,
        f"The repository holds more than {limits.files:,} files, the most that is published.",
    )


class _Census(DeltaChainIterator[tuple[bytes, int, int | None, int]]):
    """Resolves every object once and notes its id, place and size."""

    _compute_crc32 = True

    def _result(self, unpacked: UnpackedObject) -> tuple[bytes, int, int | None, int]:
        chunks = unpacked.obj_chunks or []
        if unpacked.offset is None:
            raise broken()
        size = len(chunks) if isinstance(chunks, bytes) else sum(map(len, chunks))
        return unpacked.sha(), unpacked.offset, unpacked.crc32, size


class PackStore:
    """The objects of one received pack, by binary id. Ids are computed, so contents are proven."""

    def __init__(self, file: IO[bytes], object_format: ObjectFormat) -> None:
        self._data = PackData("received.pack", object_format, file=file)
        self._data.check()
        found = sorted(_Census.for_pack_data(self._data))
        self._sizes = {entry[0]: entry[3] for entry in found}
        index = MemoryPackIndex(
            [entry[:3] for entry in found],  # type: ignore[misc]
            object_format,
            self._data.get_stored_checksum(),
        )
        self._pack = Pack.from_objects(self._data, index)

    def size(self, object_id: bytes) -> int:
        """Bytes of an object's content."""
        return self._sizes[object_id]

    def read(self, object_id: bytes, kind: int) -> bytes:
        """An object's content.

        Raises:
            SourceError: the object is missing or of another kind.
        """
        if object_id not in self._sizes:
            raise broken()
        found, content = self._pack.get_raw(object_id)  # type: ignore[arg-type]
        if found != kind:
            raise broken()
        return content

    def close(self) -> None:
        """Let go of the scratch file's mapping."""
        self._pack.close()


def scratch_file(folder: Path | None) -> IO[bytes]:
    """A file without a name, gone when it is closed or the process ends."""
    return tempfile.TemporaryFile(prefix="source-", dir=folder)
