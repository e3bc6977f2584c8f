"""`python -m tests.certify`: plays every point and writes the certificate."""

import sys

from tests.certify.certificate import examine_all, write


def main() -> int:
    """Give 1 when a point does not hold; the certificate says which."""
    units = examine_all(lambda line: sys.stdout.write(f"{line}\n") and sys.stdout.flush())
    write(units)
    return 1 if any(unit.broken for unit in units) else 0


if __name__ == "__main__":
    sys.exit(main())
