"""The command line: what a person types, and how it is answered on a terminal, in a pipe and as JSON."""

from __future__ import annotations


def main() -> None:
    """The command `nightdesk`."""
    from daemon.cli.app import main as run

    run()
