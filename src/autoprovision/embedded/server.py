"""The embedded AWS's process: MiniStack with its gaps mended. Started by the launcher."""

import os
import sys

from autoprovision.embedded import faults, localhost_names, mends

# The tests of the mends compare with MiniStack as it comes.
_UNMENDED_VARIABLE = "EMBEDDED_AWS_UNMENDED"


def main() -> None:
    """Mend MiniStack, then serve until SIGTERM."""
    localhost_names.install()
    if os.environ.get(_UNMENDED_VARIABLE) != "1":
        mends.apply_all()
    faults.apply()
    from ministack import app

    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
