"""Numbers of things as sentences say them."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def verb(number: int) -> str:
    """The form of `be` that goes with a number of things."""
    return "is" if number == 1 else "are"
