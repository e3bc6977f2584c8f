"""What programs said, as people may see it: without control characters, and without secrets.

Logs of builds, of containers and what machines print come through `shown` before they are kept or
told. It hides what looks like a credential; it cannot know one that looks like nothing.
"""

import re
from collections.abc import Iterable

HIDDEN = "***"
# Of a longer line nothing is looked at: no pattern may take long, whatever a program prints.
_LONGEST = 8192
# A shorter one has no room for a secret and what tells that it is one.
_SHORTEST = 5
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Where a program stands, `PWD=/srv`, is no password; `Unexpected token: name` is a compiler's.
_PASSWORDS = (
    r"(?:(?<!etc/)passw(?:or)?d|passphrase|(?<=[_-])pass(?![a-z])|\bpass(?==)|(?<=[_-])pwd"
    r"|(?<!old)(?<![_-])pwd(?![\"']?\s?[=:]\s?[\"']?[/~]))[\w-]{0,64}"
)
_NAMES = (
    r"(?:(?:secret|(?<!unexpected )token|credential|(?:access|api|private)[ _-]?key"
    rf"|x-amz-signature)[\w-]{{0,64}}|{_PASSWORDS})"
)
# A text that does not end goes to the end of the line.
_VALUE = r"(?:\"(?:\\.|[^\"\\])*(?:\"|\\?$)|'(?:\\.|[^'\\])*(?:'|\\?$)|\S+)"
_HIDES = (
    # Name and value: a variable, an option, a key of JSON or YAML.
    (
        re.compile(rf"(?i)({_NAMES}(?:\\?[\"']?\s*=>?\s*|\\?[\"']\s*:\s*|:\s+)){_VALUE}"),
        rf"\1{HIDDEN}",
    ),
    # Without a blank other names have other meanings: `secretsmanager:GetSecretValue`.
    (re.compile(rf"(?i)({_PASSWORDS}:){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)((?<![\w-])--[\w-]{{0,40}}?{_NAMES}\s+)(?!-){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(r"((?<!\S)(?:-u[ =]?|--user[ =]))[^\s:]+:\S+"), rf"\1{HIDDEN}"),
    # The clients of MySQL and sshpass take a password without a name; a large P is a port.
    (re.compile(r"(\b(?:mysql|mariadb)[^|;&]{0,200}?\s-p)[^\s-]\S*"), rf"\1{HIDDEN}"),
    (re.compile(r"(\bsshpass\s+-p\s*)\S+"), rf"\1{HIDDEN}"),
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
    # An address that holds a user and a password, such as a database's, or a token as its user.
    (
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)(?:[^\s/@:]*:[^\s/@]*|[^\s/@:]{20,})@"),
        rf"\1{HIDDEN}@",
    ),
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
_KEY = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_BEGINS = re.compile(rf"(-----BEGIN {_KEY})(.*)")
# Only ever matched from a line's start: a search would try every position, to the end each time.
_ENDS = re.compile(rf"(.*)(-----END {_KEY})")
_OF_A_KEY = re.compile(r"[A-Za-z0-9+/=]+")
_HEADER = re.compile(r"[A-Za-z-]+: ")
_SURELY_OF_A_KEY = 40


class _Key:
    """A private key that has begun: what its lines look like, until one is clearly not of it.

    A log may write the same number of words before each of them. Those of the key itself are of
    one length, but for the last; a long one is hidden however the others are.
    """

    def __init__(self, before: str) -> None:
        self._words_before = len(before.split())
        self._length = 0
        self._is_over = False

    def hide(self, text: str) -> tuple[str, bool]:
        """A line after the first. Gives it as it may be shown, and whether the key goes on."""
        ends = _ENDS.match(text)
        if ends:
            return f"{_before_end(ends[1])}{text[ends.start(2) :]}", False
        words = text.split()
        own = words[self._words_before :]
        word = _word_of_a_key(text)
        if len(word) >= _SURELY_OF_A_KEY or (
            word and (len(own) == 1 or len(words) == 1) and self._fits(word)
        ):
            self._is_over = len(word) < self._length
            self._length = max(self._length, len(word))
            return _without_word(text), True
        headed = any(_HEADER.match(" ".join(one)) for one in (own, words))
        is_empty = not words or len(words) == self._words_before
        return text, is_empty or (headed and not self._length)

    def _fits(self, word: str) -> bool:
        """Whether a short word may be of the key: as long as the others, the last, or a sum."""
        if self._is_over:
            return word.startswith("=")
        return not self._length or len(word) <= self._length


def shown(lines: Iterable[str]) -> list[str]:
    """The lines without colours, control characters and what looks like a secret.

    A private key is hidden from its first line to its last, and where only its end is there too.
    Without an end it ends before the first line that is clearly not of one.
    """
    said: list[str] = []
    key: _Key | None = None
    for line in lines:
        text = _plain(line)
        if key is not None:
            text, goes_on = key.hide(text)
            key = key if goes_on else None
        elif _ENDS.match(text) and not _BEGINS.search(text):
            text, _ = _Key("").hide(text)
            _hide_before(said)
        begins = _BEGINS.search(text)
        if begins:
            text, goes_on = _begun(text, begins)
            key = _Key(text[: begins.start()]) if goes_on else None
        said.append(_hidden(text))
    return said


def _plain(line: str) -> str:
    """What stands there in the end: programs write a line anew after a carriage return."""
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2][:_LONGEST])


def _hidden(line: str) -> str:
    if len(line) < _SHORTEST:
        return line
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


def _word_of_a_key(text: str) -> str:
    """The last word, alone or after what a log writes before it, if it may be of a key."""
    word = text.rstrip().rpartition(" ")[2]
    return word if _OF_A_KEY.fullmatch(word) else ""


def _without_word(text: str) -> str:
    head, space, word = text.rstrip().rpartition(" ")
    return f"{head}{space}{HIDDEN if word else ''}"


def _before_end(text: str) -> str:
    """What stands on the line before a key's end: of the key, or what a log writes before it."""
    is_apart = not text or text[-1].isspace()
    return text if is_apart and not _word_of_a_key(text) else _without_word(text)


def _hide_before(said: list[str]) -> None:
    """Only the end of a key is there: hide what stands before it and looks like one."""
    may_be_short = True
    for number in range(len(said) - 1, -1, -1):
        word = _word_of_a_key(said[number])
        if not word or (len(word) < _SURELY_OF_A_KEY and not may_be_short):
            return
        # Its last line may be a short one, and a sum may stand below that.
        may_be_short = may_be_short and word.startswith("=")
        said[number] = _without_word(said[number])
