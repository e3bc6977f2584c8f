"""The rules for ProjectURL: what is fetched, what is refused, and that nothing slips between."""

import ipaddress
import re
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprovision.domain.git_source import (
    AllowedHosts,
    GitCredentials,
    GitSource,
    InvalidProjectURL,
    SourceCode,
    SourceError,
    parse_project_url,
)

HOSTS = AllowedHosts.parse("github.com,gitlab.com, bitbucket.org ,git.campus.edu:8443")
EMBEDDED = AllowedHosts.parse(
    "github.com,http://127.0.0.1:*,http://localhost:*,ssh://127.0.0.1:2222"
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("github.com/acme/site", "https://github.com/acme/site"),
        (" https://github.com/acme/site.git ", "https://github.com/acme/site.git"),
        ("HTTPS://GitHub.COM/Acme/Site/", "https://github.com/Acme/Site"),
        ("https://github.com:443/acme/site", "https://github.com/acme/site"),
        ("github.com:443/acme/site", "https://github.com/acme/site"),
        ("gitlab.com/group/sub/_site~1", "https://gitlab.com/group/sub/_site~1"),
        ("git.campus.edu:8443/a/.dotfiles", "https://git.campus.edu:8443/a/.dotfiles"),
    ],
)
def test_an_allowed_address_gets_its_one_canonical_spelling(text: str, url: str):
    assert parse_project_url(text, allowed_hosts=HOSTS).url == url


def test_the_parts_of_a_source():
    source = parse_project_url("git.campus.edu:8443/a/b", allowed_hosts=HOSTS)
    assert source == GitSource(
        "https://git.campus.edu:8443/a/b", "https", "git.campus.edu", 8443, "/a/b"
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("file:///etc/passwd", "Only https"),
        ("ext::sh -c id", "Spaces"),
        ("ext::sh", "remote helpers"),
        ("fd::17", "remote helpers"),
        ("https::github.com/a/b", "remote helpers"),
        ("git://github.com/a/b", "Only https"),
        ("ftp://github.com/a/b", "Only https"),
        ("-oProxyCommand=id/a", "hyphen"),
        ("--upload-pack=id", "hyphen"),
        ("git@github.com:acme/site", "PrivateKey"),
        ("ssh://git@github.com/acme/site", "PrivateKey"),
        ("https://user:secret@github.com/a/b", "Credentials"),
        ("https://token@github.com/a/b", "Credentials"),
        ("https://github.com@evil.example/a/b", "Credentials"),
        ("user@github.com/a/b", "Credentials"),
        ("https://github.com/a/b?ref=x", "query"),
        ("https://github.com/a/b#x", "query"),
        ("https://github.com/a/b\n", "control"),
        ("https://github.com/a\tb/c", "control"),
        ("https://github.com/a b", "Spaces"),
        ("https://github.com/a/\x00b", "control"),
        ("https://g\u0131thub.com/a/b", "ASCII"),
        ("https://github\u3002com/a/b", "ASCII"),
        ("https://github\uff0ecom/a/b", "ASCII"),
        ("https://git\u200bhub.com/a/b", "ASCII"),
        ("https://\uff47ithub.com/a/b", "ASCII"),
        ("https://xn--gthub-n4a.com/a/b", "domain name"),
        ("https://github.com/a%2fb/c", "percent"),
        ("https://github.com/a/%2e%2e/c", "percent"),
        ("https://git%68ub.com/a/b", "percent"),
        ("https://github.com\\@evil.example/a", "backslash"),
        ("https://github.com/a\\b/c", "backslash"),
        ("https://github.com/a/../b", r"\.\."),
        ("https://github.com/./b", r"\.\."),
        ("https://github.com/a//b", "single slashes"),
        ("https://github.com/-a/b", "hyphen|path"),
        ("https://github.com/a/b;id", "path"),
        ("https://github.com/a/$(id)", "path"),
        ("https://github.com/a/'b", "path"),
        ("https://github.com", "no repository"),
        ("https://github.com/", "no repository"),
        ("https:///a/b", "domain name"),
        ("https://github.com./a/b", "domain name"),
        ("https://.github.com/a/b", "domain name"),
        ("https://github..com/a/b", "domain name"),
        ("https://github_x.com/a/b", "domain name"),
        ("https://127.0.0.1/a/b", "127.0.0.1"),
        ("https://localhost/a/b", "localhost"),
        ("https://10.0.0.1/a", "IP addresses"),
        ("https://2130706433/a", "IP addresses"),
        ("https://0x7f000001/a", "IP addresses"),
        ("https://0x7f.1/a", "IP addresses"),
        ("https://0177.0.0.1/a", "IP addresses"),
        ("https://127.1/a", "IP addresses"),
        ("https://169.254.169.254/latest", "IP addresses"),
        ("https://[::1]/a", "bracket|remote"),
        ("https://[fe80--1]/a", "bracket"),
        ("https://github.com:0/a/b", "port"),
        ("https://github.com:65536/a/b", "port"),
        ("https://github.com:/a/b", "port"),
        ("https://github.com:8080/a/b", "port 8080"),
        ("https://github.com:0443/a/b", "port"),
        ("http://github.com/a/b", "http on port 80"),
        ("github.com:acme/site", "port"),
        ("https://evil.example/a/b", "not fetched from evil.example"),
        ("https://github.com.evil.example/a/b", "not fetched"),
        ("https://notgithub.com/a/b", "not fetched"),
        ("https://github.com/" + "a" * 2048, "2048"),
    ],
)
def test_what_is_refused_is_refused_with_its_reason(text: str, word: str):
    with pytest.raises(InvalidProjectURL, match=word):
        parse_project_url(text, allowed_hosts=HOSTS)


def test_the_embedded_home_allows_loopback_by_plain_http_with_any_port():
    for url in ("http://127.0.0.1:8080/site.git", "http://localhost:9/site.git"):
        assert parse_project_url(url, allowed_hosts=EMBEDDED).url == url
    for url in ("https://127.0.0.1:8080/site.git", "http://127.0.0.2:80/x", "http://127.1:80/x"):
        with pytest.raises(InvalidProjectURL):
            parse_project_url(url, allowed_hosts=EMBEDDED)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("git@github.com:acme/site.git", "ssh://git@github.com/acme/site.git"),
        ("ssh://git@github.com/acme/site", "ssh://git@github.com/acme/site"),
        ("ssh://github.com/acme/site", "ssh://git@github.com/acme/site"),
        ("https://github.com/acme/site", "https://github.com/acme/site"),
        ("ssh://git@127.0.0.1:2222/x", "ssh://git@127.0.0.1:2222/x"),
    ],
)
def test_with_a_private_key_an_ssh_address_is_understood(text: str, url: str):
    hosts = EMBEDDED
    assert parse_project_url(text, allowed_hosts=hosts, with_private_key=True).url == url


def test_a_private_key_needs_a_host_that_is_allowed_by_ssh():
    with pytest.raises(InvalidProjectURL, match="ssh on port 22"):
        parse_project_url("git.campus.edu:8443/a", allowed_hosts=HOSTS, with_private_key=True)
    with pytest.raises(InvalidProjectURL):
        parse_project_url("ssh://root@github.com/a/b", allowed_hosts=HOSTS, with_private_key=True)


def test_the_same_repository_over_ssh():
    source = parse_project_url("github.com/acme/site", allowed_hosts=HOSTS)
    assert source.over_ssh().url == "ssh://git@github.com/acme/site"
    assert source.over_ssh().over_ssh() == source.over_ssh()


@pytest.mark.parametrize(
    "setting", ["github", "http://10.0.0.1", "github.com:99999", "ftp://github.com", "a b.com"]
)
def test_a_setting_that_is_not_understood_is_refused_whole(setting: str):
    with pytest.raises(ValueError, match="ALLOWED_GIT_HOSTS"):
        AllowedHosts.parse("github.com," + setting)


def test_an_empty_setting_allows_nothing():
    with pytest.raises(InvalidProjectURL, match="Allowed: none"):
        parse_project_url("github.com/a/b", allowed_hosts=AllowedHosts.parse(""))


@given(st.text(max_size=80))
def test_whatever_is_written_either_is_canonical_or_has_a_reason(text: str):
    try:
        source = parse_project_url(text, allowed_hosts=EMBEDDED, with_private_key=True)
    except InvalidProjectURL as refused:
        assert str(refused).endswith(".")
        return
    assert parse_project_url(source.url, allowed_hosts=EMBEDDED, with_private_key=True) == source


@given(
    prefix=st.sampled_from(["", "https://", "http://", "ssh://git@", "git@"]),
    host=st.sampled_from(["github.com", "127.0.0.1", "localhost", "GITHUB.com"]),
    tail=st.text(alphabet=string.printable + "\u3002\uff0e\u200b\uff05\uff0f", max_size=40),
)
def test_what_passes_means_the_same_to_the_standard_library(prefix: str, host: str, tail: str):
    try:
        source = parse_project_url(
            prefix + host + tail, allowed_hosts=EMBEDDED, with_private_key=True
        )
    except InvalidProjectURL:
        return
    parts = urlsplit(source.url)
    assert (parts.scheme, parts.hostname, parts.path) == (source.scheme, source.host, source.path)
    assert EMBEDDED.permits(source.scheme, source.host, source.port)
    assert parts.password is None
    assert not parts.query
    assert not parts.fragment
    assert re.fullmatch(r"(/[A-Za-z0-9._~+-]+)+", source.path)
    assert ".." not in source.path.split("/")


@given(st.ip_addresses(), st.sampled_from(["{}", "[{}]", "{}:443"]))
def test_an_address_instead_of_a_name_never_passes(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, form: str
):
    with pytest.raises(InvalidProjectURL):
        parse_project_url(f"https://{form.format(address)}/a/b", allowed_hosts=EMBEDDED)


def test_credentials_hide_themselves():
    shown = repr(GitCredentials(access_token="canary-token", private_key="canary-key"))
    assert "canary" not in shown


def test_only_what_may_pass_by_itself_is_worth_another_try():
    retryable = {code for code in SourceCode if SourceError(code, "x.").retryable}
    assert retryable == {SourceCode.TIMEOUT, SourceCode.UNREACHABLE}
