"""`python -m daemon.cli` is `nightdesk`."""

from daemon.cli import main

main()
