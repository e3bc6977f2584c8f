"""Whatever a program prints, people see no secret of it, and lose nothing else."""

import base64

import pytest

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
    "unit", ["a.", "a-", "--a", "token", "secret ", "http://", "x://a:", "authorization:", "=", " "]
)
def test_no_line_takes_long(unit: str):
    """What is quadratic in the whole line would not come to an end."""
    (line,) = shown([unit * 2_000_000])
    assert len(line) <= 8192 * 2
