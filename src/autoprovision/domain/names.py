"""The names of applications: which are the platform's own, and what leads somewhere."""

# Records that lead somewhere: left without their application, they lead whoever takes its place.
LEADING = frozenset({"A", "AAAA", "CNAME"})
# How Route 53 writes the star of a wildcard when it tells a name.
_STAR = "\\052"


def plain(name: str) -> str:
    """A name as it is compared: lower case, its star a star, without the dot at its end."""
    return name.lower().rstrip(".").replace(_STAR, "*")


def is_below(name: str, domain: str) -> bool:
    """Whether a name is below a domain; nothing is below no domain."""
    return bool(domain) and plain(name).endswith(f".{plain(domain)}")
