"""What programs said, as people may see it: without control characters, and without secrets.

Logs of builds, of containers and what machines print come through `shown` before they are kept or
told. It hides what looks like a credential; it cannot know one that looks like nothing.
"""

import re
from collections.abc import Iterable

HIDDEN = "***"
# Of a longer line nothing is looked at: no pattern may take long, whatever a program prints.
_LONGEST = 8192
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAMES = (
    r"(?:secret|token|(?<!etc/)passw(?:or)?d|passphrase|credential|(?:access|api|private)[ _-]?key"
    r"|x-amz-signature)[\w-]{0,64}"
)
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|\S+)"
_HIDES = (
    # Name and value: a variable, an option, a key of JSON or YAML.
    (re.compile(rf"(?i)({_NAMES}(?:[\"']?\s*=>?\s*|[\"']\s*:\s*|:\s+)){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(--[\w-]{{0,40}}?{_NAMES}\s+)(?!-){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(r"(\s(?:-u|--user)[ =])[^\s:]+:\S+"), rf"\1{HIDDEN}"),
    # A header of HTTP.
    (
        re.compile(
            r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?)"
            r"(?:(?:basic|bearer|token|digest|negotiate|apikey|aws4-hmac-sha256)\s.*|\S{8,})"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\b(?:set-)?cookie:\s*)\S.*"), rf"\1{HIDDEN}"),
    # An address that holds a user and a password, such as a database's.
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@:]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # Forms that say what they are.
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"
            r"|xox[a-z]-[\w-]{10,}|[rs]k_(?:live|test)_\w{10,}|npm_\w{36}|pypi-[\w-]{50,}"
            r"|AIza[\w-]{35}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*)"
        ),
        HIDDEN,
    ),
    # The hash of a password, as a system keeps it.
    (re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy)\$[\w./$=,+-]{8,}"), HIDDEN),
)
_BEGINS = re.compile(r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(.*)")
_ENDS = re.compile(r"(.*)(-----END [A-Z0-9 ]*PRIVATE KEY-----)")
_OF_A_KEY = re.compile(r"[A-Za-z0-9+/=]+")
_HEADER = re.compile(r"^[A-Za-z-]+: ")
_SURELY_OF_A_KEY = 40


def shown(lines: Iterable[str]) -> list[str]:
    """The lines without colours, control characters and what looks like a secret.

    A private key is hidden from its first line to its last, and where only its end is there too.
    """
    said: list[str] = []
    in_a_key = False
    for line in lines:
        text = _plain(line)
        if in_a_key:
            text, in_a_key = _within(text)
        elif _ENDS.search(text) and not _BEGINS.search(text):
            text, _ = _within(text)
            _hide_before(said)
        begins = _BEGINS.search(text)
        if begins:
            text, in_a_key = _begun(text, begins)
        said.append(_hidden(text))
    return said


def _plain(line: str) -> str:
    """What stands there in the end: programs write a line anew after a carriage return."""
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2][:_LONGEST])


def _hidden(line: str) -> str:
    for pattern, instead in _HIDES:
        line = pattern.sub(instead, line)
    return line


def _begun(text: str, begins: re.Match[str]) -> tuple[str, bool]:
    """The line that a key begins in. Gives whether it goes on in the next one."""
    head, rest = text[: begins.end(1)], begins[2]
    ends = _ENDS.match(rest)
    if ends:
        return f"{head}{HIDDEN}{rest[ends.start(2) :]}", False
    return f"{head}{HIDDEN}" if rest.strip() else head, True


def _within(text: str) -> tuple[str, bool]:
    """A line after a key's first. Gives whether the key goes on."""
    ends = _ENDS.match(text)
    if ends:
        return f"{_without_word(ends[1])}{text[ends.start(2) :]}", False
    if not text.strip() or _HEADER.match(text):
        return text, True
    return (_without_word(text), True) if _word_of_a_key(text) else (text, False)


def _word_of_a_key(text: str) -> str:
    """The last word, alone or after what a log writes before it, if it may be of a key."""
    word = text.rstrip().rpartition(" ")[2]
    return word if _OF_A_KEY.fullmatch(word) else ""


def _without_word(text: str) -> str:
    head, space, word = text.rstrip().rpartition(" ")
    return f"{head}{space}{HIDDEN if word else ''}"


def _hide_before(said: list[str]) -> None:
    """Only the end of a key is there: hide what stands before it and looks like one."""
    for number in range(len(said) - 1, -1, -1):
        word, is_last = _word_of_a_key(said[number]), number == len(said) - 1
        # Its last line may be a short one.
        if not word or (len(word) < _SURELY_OF_A_KEY and not is_last):
            return
        said[number] = _without_word(said[number])
