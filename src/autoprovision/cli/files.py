"""Reads the files that commands take; `-` is stdin."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from autoprovision.cli.errors import CliError, MisuseError

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A JSON file; - reads stdin.", show_default=False)
]


def read_json_bytes(file: str) -> bytes:
    """The bytes of a JSON file, unchanged: the API is the one that validates.

    Args:
        file: A path, or `-` for stdin.

    Raises:
        MisuseError: It cannot be read.
        CliError: It holds no JSON.
    """
    name = "stdin" if file == "-" else file
    content = read_bytes(file)
    try:
        # Some editors begin UTF-8 with a byte order mark, which JSON does not allow.
        content = content.removeprefix(b"\xef\xbb\xbf")
        json.loads(content)
    except UnicodeDecodeError as problem:
        raise CliError(
            f"{name} is not UTF-8 text: byte {problem.start} does not fit.", "Save it as UTF-8."
        ) from problem
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise CliError(
            f"{name} is not JSON: {problem.msg} at {place}.",
            "Correct the file; `autoprovision blueprint schema` prints what it may hold.",
        ) from problem
    except RecursionError as problem:
        raise CliError(f"{name} is nested too deeply.", "Correct the file.") from problem
    return content


def read_bytes(file: str) -> bytes:
    """The bytes of a file.

    Args:
        file: A path, or `-` for stdin.

    Raises:
        MisuseError: It cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
    except OSError as problem:
        raise MisuseError(
            f"{file} cannot be read: {problem.strerror or problem}.",
            "Give the path of a file, or - for stdin.",
        ) from problem
