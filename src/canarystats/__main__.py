"""``python -m canarystats`` is the command line."""

from canarystats.cli import main

main()
