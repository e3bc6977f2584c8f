"""Which hosts may be called inside the platform's network, and that nothing else opens with them."""

import ipaddress

import pytest

from autoprovision.domain.public_addresses import PrivateHosts

HOSTS = PrivateHosts.parse(
    "git.uni.edu=10.8.0.0/24, git.uni.edu=fd12:34::/64,chat.uni.edu=192.168.7.9/32"
)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("git.uni.edu", "10.8.0.17"), ("git.uni.edu", "fd12:34::5"), ("chat.uni.edu", "192.168.7.9"),
        ("git.uni.edu", "140.82.121.4"), ("elsewhere.org", "140.82.121.4"),
    ],
)  # fmt: skip
def test_a_named_host_is_called_in_its_block_and_everybody_in_public(host: str, address: str):
    assert HOSTS.may_call(host, ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("git.uni.edu", "10.8.1.1"),  # beside the block
        ("chat.uni.edu", "10.8.0.17"),  # another host's block
        ("elsewhere.org", "10.8.0.17"),  # a name that leads in
        ("evil.git.uni.edu", "10.8.0.17"),
        ("git.uni.edu.evil.org", "10.8.0.17"),
        ("git.uni.edu", "169.254.169.254"),  # metadata
        ("git.uni.edu", "127.0.0.1"),
        ("git.uni.edu", "::1"),
        ("git.uni.edu", "fe80::1"),
        ("git.uni.edu", "fd12:34::5%eth0"),
        ("git.uni.edu", "fd00:ec2::254"),
        ("git.uni.edu", "::ffff:10.8.0.17"),  # the same in another spelling
        ("git.uni.edu", "::ffff:169.254.169.254"),
        ("git.uni.edu", "64:ff9b::a08:11"),
        ("git.uni.edu", "0.0.0.0"),
    ],
)
def test_nothing_else_opens_with_it(host: str, address: str):
    assert not HOSTS.may_call(host, ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("git.uni.edu", "no block of addresses"),
        ("git.uni.edu=", "no block of addresses"),
        ("git.uni.edu=10.8.0.1/24", "no block of addresses"),  # bits of a host
        ("=10.8.0.0/24", "does not begin with a host"),
        ("10.8.0.1=10.8.0.0/24", "does not begin with a host"),
        ("*.uni.edu=10.8.0.0/24", "does not begin with a host"),
        ("localhost=127.0.0.0/8", "does not begin with a host"),
        ("git.uni.edu=127.0.0.0/8", "not in private address space"),
        ("git.uni.edu=169.254.169.254/32", "not in private address space"),
        ("git.uni.edu=fe80::/64", "not in private address space"),
        ("git.uni.edu=100.64.0.0/10", "not in private address space"),
        ("git.uni.edu=0.0.0.0/0", "not in private address space"),
        ("git.uni.edu=8.0.0.0/6", "not in private address space"),  # holds 10.0.0.0/8
        ("git.uni.edu=fd00:ec2::/64", "metadata services"),
        ("git.uni.edu=fc00::/7", "metadata services"),
        ("good.uni.edu=10.0.0.0/8,bad=10.0.0.0/8", "does not begin with a host"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_whole(setting: str, why: str):
    with pytest.raises(ValueError, match=why):
        PrivateHosts.parse(setting)


def test_silence_opens_nothing():
    assert PrivateHosts.parse("") == PrivateHosts()
    assert not PrivateHosts().may_call("git.uni.edu", ipaddress.ip_address("10.0.0.1"))
