"""What is known about the big git hosts: how they take a token, and their ssh host keys.

The keys are the ed25519 keys that each host publishes; their fingerprints were compared with
docs.github.com ("GitHub's SSH key fingerprints"), docs.gitlab.com ("GitLab.com settings") and
support.atlassian.com ("Configure SSH and two-step verification") on 2026-11-22.
"""

from collections.abc import Mapping

# The user name beside a token. GitHub takes any; GitLab documents oauth2; Bitbucket's access
# tokens need this very name.
TOKEN_USERNAMES: Mapping[str, str] = {
    "github.com": "x-access-token",
    "gitlab.com": "oauth2",
    "bitbucket.org": "x-token-auth",
}
OTHER_TOKEN_USERNAME = "oauth2"  # noqa: S105 - a user name, not a secret

PUBLISHED_HOST_KEYS = """\
github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
gitlab.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf
bitbucket.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO
"""


def parse_host_keys(known_hosts: str) -> Mapping[str, frozenset[tuple[str, str]]]:
    """Read lines in the form of a `known_hosts` file: host, key type, key.

    The host is a plain name, or `[name]:port` for a port other than 22.

    Raises:
        ValueError: a line that cannot be understood.
    """
    keys: dict[str, set[tuple[str, str]]] = {}
    for line in known_hosts.splitlines():
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) < 3:
            raise ValueError("a line of the ssh host keys is not `host type key`")
        keys.setdefault(parts[0], set()).add((parts[1], parts[2]))
    return {host: frozenset(found) for host, found in keys.items()}
