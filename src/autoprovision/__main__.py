"""`python -m autoprovision`: the command line."""

from autoprovision.cli.main import main

main()
