"""The real `nightdesk` in a process with failpoints, whose workers do quick tasks; its arguments are those of it."""

from __future__ import annotations

from tests.support.faults import failpoints

failpoints.install()

from daemon import cli  # noqa: E402 -- what it imports shall find the wrapped functions
from daemon.executors.local import LocalExecutor  # noqa: E402

if __name__ == "__main__":
    LocalExecutor.__init__.__kwdefaults__["work"] = "tests.support.faults.quick_tasks"
    cli.main()
