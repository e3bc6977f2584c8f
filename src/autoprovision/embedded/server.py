"""The embedded AWS's process: MiniStack with its gaps mended. Started by the launcher."""

import sys

from autoprovision.embedded import localhost_names, mends


def main() -> None:
    """Mend MiniStack, then serve until SIGTERM."""
    localhost_names.install()
    mends.apply_all()
    from ministack import app

    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
