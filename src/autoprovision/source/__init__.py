"""The port `SourceRepository`: a project's files out of git, over https or ssh.

Everything a remote server sends is hostile until checked: addresses, redirects, pack contents,
paths and link targets. One deadline and one byte budget bound every fetch.
"""

from autoprovision.source.fetch import GitRepository, Network, fetch

__all__ = ["GitRepository", "Network", "fetch"]
