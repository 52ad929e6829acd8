"""The end of a process that something keeps from ending: a thread that hangs in a driver, a disk or a server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

# What an orderly end needs beyond the grace of the tasks at work; with the default grace it is 42 seconds in all.
MARGIN = 12.0


class LastResort:
    """Ends the process some time after `start`, unless its block has ended before.

    What the process leaves unfinished is what SIGKILL would leave: the next start finds it and goes on. So its exit
    code is 0.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def start(self, seconds: float, before: Callable[[], None]) -> None:
        """End this process after `seconds`, after a call of `before`; the first call counts."""
        if self._timer is not None:
            return

        def end() -> None:
            try:
                before()
            finally:
                os._exit(0)

        self._timer = threading.Timer(seconds, end)
        self._timer.daemon = True
        self._timer.start()
