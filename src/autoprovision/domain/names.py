"""The names of applications: which are the platform's own, and what leads somewhere."""

# Records that lead somewhere: left without their application, they lead whoever takes its place.
LEADING = frozenset({"A", "AAAA", "CNAME"})


def plain(name: str) -> str:
    """A name as it is compared: lower case, without the dot at its end."""
    return name.lower().rstrip(".")


def is_below(name: str, domain: str) -> bool:
    """Whether a name is below a domain; nothing is below no domain."""
    return bool(domain) and plain(name).endswith(f".{plain(domain)}")
