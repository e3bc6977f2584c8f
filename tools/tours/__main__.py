"""Plays the tours of the documentation, so that it shows what a run really printed.

`python -m tools.tours NAME …` prints them; `--write` puts them where they are read. Without a name
all are played.
"""

import argparse
import importlib
import sys
from pathlib import Path

NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem not in {"stage", "__main__"}
)


def main() -> None:
    """Play, and print or write."""
    parser = argparse.ArgumentParser(prog="python -m tools.tours", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help="write the pages")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(NAMES)):
        parser.error(f"There is no tour {unknown[0]}; there are {', '.join(NAMES)}.")
    for name in arguments.names or NAMES:
        tour = importlib.import_module(f"tools.tours.{name}")
        text = tour.play()
        if arguments.write:
            tour.PAGE.write_text(text, "utf-8")
            print(f"{tour.PAGE.name} is written.", file=sys.stderr)
        else:
            print(text)


if __name__ == "__main__":
    main()
