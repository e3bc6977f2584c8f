"""BSON, as much of it as a small application speaks (bsonspec.org, version 1.1)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ObjectId:
    """Twelve bytes that name a document."""

    value: bytes


@dataclass(frozen=True)
class Moment:
    """Milliseconds since 1970."""

    value: int


class Long(int):
    """A number that has eight bytes however small it is."""


def encode(document: dict[str, Any]) -> bytes:
    """A document as bytes."""
    inner = b"".join(_element(name, value) for name, value in document.items())
    return struct.pack("<i", len(inner) + 5) + inner + b"\0"


def _element(name: str, value: Any) -> bytes:
    kind, data = _value(value)
    return bytes([kind]) + name.encode() + b"\0" + data


def _value(value: Any) -> tuple[int, bytes]:  # noqa: PLR0911 - a type, a line
    match value:
        case bool():
            return 8, bytes([value])
        case Long():
            return 18, struct.pack("<q", value)
        case int():
            return 16, struct.pack("<i", value)
        case float():
            return 1, struct.pack("<d", value)
        case str():
            text = value.encode() + b"\0"
            return 2, struct.pack("<i", len(text)) + text
        case bytes():
            return 5, struct.pack("<iB", len(value), 0) + value
        case dict():
            return 3, encode(value)
        case list():
            return 4, encode({str(at): one for at, one in enumerate(value)})
        case ObjectId():
            return 7, value.value
        case Moment():
            return 9, struct.pack("<q", value.value)
        case None:
            return 10, b""
    raise TypeError(f"{type(value).__name__} has no BSON here")


def decode(data: bytes) -> dict[str, Any]:
    """The first document of some bytes."""
    return _document(data, 0)[0]


def every(data: bytes) -> Iterator[dict[str, Any]]:
    """Documents, one after the other."""
    at = 0
    while at < len(data):
        found, at = _document(data, at)
        yield found


def _document(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    end = at + struct.unpack_from("<i", data, at)[0]
    at += 4
    found = {}
    while (kind := data[at]) != 0:
        stop = data.index(b"\0", at + 1)
        name = data[at + 1 : stop].decode()
        found[name], at = _read(kind, data, stop + 1)
    return found, end


_PLAIN = {1: "<d", 16: "<i", 17: "<Q", 18: "<q"}


def _read(kind: int, data: bytes, at: int) -> tuple[Any, int]:  # noqa: PLR0911 - a type, a line
    if kind in _PLAIN:
        return struct.unpack_from(_PLAIN[kind], data, at)[0], at + struct.calcsize(_PLAIN[kind])
    if kind == 2:
        (size,) = struct.unpack_from("<i", data, at)
        return data[at + 4 : at + 3 + size].decode(), at + 4 + size
    if kind in {3, 4}:
        found, end = _document(data, at)
        return (list(found.values()) if kind == 4 else found), end
    if kind == 5:
        (size,) = struct.unpack_from("<i", data, at)
        return data[at + 5 : at + 5 + size], at + 5 + size
    if kind == 7:
        return ObjectId(data[at : at + 12]), at + 12
    if kind == 8:
        return bool(data[at]), at + 1
    if kind == 9:
        return Moment(struct.unpack_from("<q", data, at)[0]), at + 8
    if kind == 10:
        return None, at
    raise ValueError(f"BSON of type {kind} is not known here")
