"""Whatever a program prints, people see no secret of it, and lose nothing else."""

import ast
import base64
import inspect
import re
from re import _parser

import pytest

from autoprovision.domain import said
from autoprovision.domain.build import tail
from autoprovision.domain.operation import CommandOutput, cleaned, told
from autoprovision.domain.said import HIDDEN, shown

# Planted; none of them opens anything. Put together here, so that no scanner takes them for found.
CANARY = "pl4nted-c4nary"
GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0." + "c2lnbmF0dXJl"
KEY_ID = "AKIA" + "Q3EGRZ7XK5NPWT2M"
LETTERS = base64.b64encode(bytes(range(200))).decode()
KEY = [
    "-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "", LETTERS[:64], LETTERS[64:128],
    "c2hvcnQ=", "-----END RSA PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        f"AWS_SECRET_ACCESS_KEY={CANARY}",
        f"export db_password = '{CANARY} with spaces'",
        f'{{"user": "ada", "Password":"{CANARY}", "port": 1}}',
        f"  mysql_root_passwd: {CANARY}",
        f"mysqldump --password {CANARY} --host db",
        f"curl -u ada:{CANARY} https://example.edu",
        f"Authorization: Basic {CANARY}",
        f"> authorization: {CANARY}",
        f"using bearer {CANARY}{CANARY}",
        f"Set-Cookie: session={CANARY}; Path=/",
        f"postgresql://ada:{CANARY}@db.internal:5432/app",
        f"GET /x?X-Amz-Signature={CANARY}&X-Amz-Date=1",
        f"remote: https://{GITHUB}@github.com/acme/site",
        f"token is {JWT}",
        f"key {KEY_ID} is no good",
        "root:$6$saltsalt$" + "h" * 40 + ":19000:0:99999:7:::",
        f"access \x1b[31mkey\x1b[0m: {CANARY}",
        f"progress 1%\rPASSWORD={CANARY}",
        f"MYSQL_PWD={CANARY}",
        f"MYSQL_PWD=/{CANARY}",
        f"Server=db;Uid=ada;Pwd={CANARY};",
        f"export DB_PASS={CANARY}",
        f"password:{CANARY}",
        f"Database-Password:'{CANARY} with spaces'",
        f'password: "it has no end {CANARY}',
        f'{{"password":"a\\"b {CANARY}"}}',
        f'"{{\\"password\\":\\"{CANARY}\\"}}"',
        f"HTTPS://ada:{CANARY}@example.edu",
        f"https://{CANARY}{CANARY}@example.edu/acme/site.git/: not found",
        f"https://{CANARY}{CANARY}:@example.edu",
        f"curl -uada:{CANARY} https://example.edu",
        f"-u ada:{CANARY}",
        f"mysql -p{CANARY}",
        f"mysqldump -u root -P3306 -p{CANARY} site",
        f"sshpass -p {CANARY} ssh example.edu",
        f"key='-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----'",
    ],
)
def test_a_secret_is_hidden_wherever_it_is_shown(line: str):
    secrets = (CANARY, GITHUB, JWT, KEY_ID, "h" * 40)
    output = CommandOutput(instance_id="i-1", status="Success", output=line, errors=line)
    for text in ("\n".join(shown([line])), "\n".join(tail([line])), told(output)):
        assert HIDDEN in text
        assert not any(one in text for one in secrets), text


@pytest.mark.parametrize(
    "line",
    [
        "added 3 packages in 2s",
        "GET https://example.edu:8443/a@b?c=d:e@f",
        "cat: /etc/passwd: No such file or directory",
        "git clone ssh://git@example.edu/acme/site",
        "the basic authentication of the site is off",
        "1044 root      8.0  0.0       01:29 python",
        "-----BEGIN CERTIFICATE-----",
        "PWD=/srv/site OLDPWD=/srv",
        "pwd: /srv/site",
        "SyntaxError: Unexpected token: name",
        "BYPASS=1, tests pass: 3",
        "is not authorized to perform: secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-west-1:1:secret:site",
        "mysql -P3306 --protocol=tcp",
        "/etc/passwd:3: no such shell",
    ],
)
def test_anything_else_stays(line: str):
    assert shown([line]) == [line]


def test_what_stands_around_a_secret_stays():
    line = f'{{"user": "ada", "Password":"{CANARY}", "port": 1}}'
    assert shown([line]) == ['{"user": "ada", "Password":***, "port": 1}']
    assert shown([f"mysqldump --password {CANARY} --host db"]) == [
        "mysqldump --password *** --host db"
    ]


@pytest.mark.parametrize("before", ["", "Nov 26 10:00:00 host app[1]: "])
def test_a_private_key_is_hidden_to_its_end(before: str):
    lines = [f"{before}{line}" for line in ["first", *KEY, "last"]]
    said = shown(lines)
    assert [said[0], said[1], said[-1]] == [lines[0], lines[1], lines[-1]]
    assert said[-2].endswith("-----END RSA PRIVATE KEY-----")
    assert len(said) == len(lines)
    for piece in (LETTERS[:64], LETTERS[64:128], "c2hvcnQ="):
        assert piece not in "\n".join(said)


@pytest.mark.parametrize("before", ["", "Nov 26 10:00:00 host app[1]: "])
def test_a_key_of_which_only_the_end_is_there_is_hidden_too(before: str):
    lines = [f"{before}{line}" for line in KEY[3:]]
    text = "\n".join(shown(["nothing of it", *lines]))
    assert LETTERS[:64] not in text
    assert "c2hvcnQ=" not in text
    assert text.startswith("nothing of it\n")


def test_a_key_that_never_ends_does_not_hide_what_comes_after_it():
    said = shown([*KEY[:4], "", "The disk is full.", "Done."])
    assert said[-2:] == ["The disk is full.", "Done."]
    assert LETTERS[:64] not in "\n".join(said)


PGP = [
    "-----BEGIN PGP PRIVATE KEY BLOCK-----", "Version: 1", "", LETTERS[:64], LETTERS[64:128],
    "c2hvcnQ=", "=c2Ht", "-----END PGP PRIVATE KEY BLOCK-----",
]  # fmt: skip


@pytest.mark.parametrize("before", ["", "Nov 26 10:00:00 host app[1]: ", "    "])
@pytest.mark.parametrize("start", [0, 3])
def test_a_key_of_pgp_is_hidden_with_its_sum(before: str, start: int):
    lines = [f"{before}{line}" for line in [*PGP[start:], "last"]]
    said = shown(lines)
    assert said[-2:] == lines[-2:]
    for piece in PGP[3:-1]:
        assert piece not in "\n".join(said)


@pytest.mark.parametrize("between", ["", " "])
def test_what_stands_before_an_end_on_its_line_is_of_the_key(between: str):
    (line,) = shown([f"app: {LETTERS[:64]}{between}{KEY[-1]}"])
    assert line == f"app: ***{KEY[-1]}"


@pytest.mark.parametrize("width", [20, 64, 76])
@pytest.mark.parametrize("before", ["", "Nov 26 10:00:00 host app[1]: "])
def test_a_key_may_be_wrapped_anywhere(before: str, width: int):
    body = [LETTERS[place : place + width] for place in range(0, len(LETTERS), width)]
    said = "\n".join(shown([before + line for line in [KEY[0], *body, KEY[-1], "last"]]))
    assert not any(piece in said for piece in body)
    assert said.endswith("last")


@pytest.mark.parametrize("body", [[], KEY[3:4], KEY[1:6]])
def test_a_key_without_an_end_takes_nothing_of_what_follows(body: list[str]):
    after = ["ok finished", "all is well", "built image 12", "done"]
    assert shown([KEY[0], *body, *after])[-4:] == after


@pytest.mark.parametrize("after", ["done", "Error: disk", "host app: done"])
def test_after_its_last_short_line_a_key_is_over(after: str):
    assert shown([KEY[0], *KEY[3:6], after, "ready"])[-2:] == [after, "ready"]


def test_no_header_stands_below_a_line_of_a_key():
    assert shown([*KEY[:4], "Error: disk", "ready"])[-2:] == ["Error: disk", "ready"]


def test_a_key_after_a_key_without_an_end_is_hidden_too():
    said = "\n".join(shown([*KEY[:4], "ok finished", *KEY, "last word"]))
    assert LETTERS[:64] not in said
    assert said.endswith("\nlast word")


def test_a_key_whose_beginning_is_cut_away_afterwards_is_hidden():
    """The last lines are taken of what was hidden, not hidden of the last lines."""
    long = [KEY[0], *[LETTERS[:64]] * 60]
    assert LETTERS[:64] not in "\n".join(cleaned("\n".join(long)))
    assert LETTERS[:64] not in "\n".join(tail(long))


def test_lines_that_end_as_on_windows_are_not_lost():
    assert cleaned("one\r\ntwo\r\n") == ["one", "two"]


def test_hiding_twice_changes_nothing():
    lines = [f"PASSWORD={CANARY}", *KEY, f"postgresql://ada:{CANARY}@db/x"]
    assert shown(shown(lines)) == shown(lines)


@pytest.mark.parametrize(
    "unit",
    [
        "a.",
        "a-",
        "--a",
        "token",
        "secret ",
        "http://",
        "x://a:",
        "authorization:",
        "=",
        " ",
        "-----BEGIN ",
        "-----END PRIVATE KEY-----",
        "mysql ",
        'password:"',
    ],
)
def test_no_line_takes_long(unit: str):
    """What is quadratic in the whole line would not come to an end."""
    (line,) = shown([unit * 2_000_000])
    assert len(line) <= 8192 * 2


def test_no_pattern_that_is_searched_for_begins_without_bound():
    """From each position it would go to the line's end: quadratic."""
    patterns = [one for one in vars(said).values() if isinstance(one, re.Pattern)]
    searched = [*patterns, *(pattern for pattern, _ in said._HIDES)]
    endless = [one for one in searched if _begins_without_bound(_parser.parse(one.pattern))]
    assert {one.pattern for one in endless} <= {
        said._ENDS.pattern,
        said._OF_A_KEY.pattern,
        said._HEADER.pattern,
    }
    tree = ast.parse(inspect.getsource(said))
    used = {
        (one.value.id, one.attr)
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
    }
    for name in ("_ENDS", "_OF_A_KEY", "_HEADER"):
        assert {attr for whose, attr in used if whose == name} <= {"match", "fullmatch"}


def _begins_without_bound(parsed) -> bool:
    """Whether what a pattern has to match first, if anything, may be of any length."""
    for kind, what in parsed:
        if kind in (_parser.MAX_REPEAT, _parser.MIN_REPEAT, _parser.POSSESSIVE_REPEAT):
            return what[1] is _parser.MAXREPEAT
        if kind is _parser.SUBPATTERN:
            return _begins_without_bound(what[3])
        if kind is _parser.BRANCH:
            return any(_begins_without_bound(one) for one in what[1])
        if kind not in (_parser.AT, _parser.ASSERT, _parser.ASSERT_NOT):
            return False
    return False
