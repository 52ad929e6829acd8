"""A small daemon that starts one task and waits to be killed; its arguments are HOME KIND ARGS."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from config.paths import Home
from daemon.executors.local import LocalExecutor
from daemon.system.lock import HomeLock
from tests.support.desks.executors import WORK, ignore, spec


def main() -> None:
    home, kind, args = Home(Path(sys.argv[1])), sys.argv[2], json.loads(sys.argv[3])
    with HomeLock(home, "doomed"):
        asyncio.run(LocalExecutor(home, 1, work=WORK).run(spec(kind, **args), ignore))


if __name__ == "__main__":
    main()
