"""`python -m autoprovision`: the command line."""

import sys

from autoprovision.cli.main import main

sys.exit(main())
