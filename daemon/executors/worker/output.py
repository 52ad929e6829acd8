"""What a worker prints, read without waiting and cut into lines of bounded number and length."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

MAX_LINE = 4096
MAX_OUTPUT = 2**20  # for each task
_CHUNK = 2**16


class Output:
    """What a worker prints, as lines; bounded for each task, so that none can fill the disk."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""
        self._room = 0
        self._on_line: Callable[[str], None] | None = None
        asyncio.get_running_loop().add_reader(descriptor, self.read)

    def attend(self, on_line: Callable[[str], None] | None) -> None:
        """Pass lines to `on_line` from now on; lines printed before went to the previous one."""
        for _ in range(MAX_OUTPUT // _CHUNK):
            if not self.read():
                break
        if self._rest:
            self._pass_on(self._rest)
        self._rest, self._room, self._on_line = b"", MAX_OUTPUT, on_line

    def read(self) -> bool:
        """Read what is there; whether there was anything."""
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return False
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:MAX_LINE]
        for line in lines:
            self._pass_on(line)
        return True

    def _pass_on(self, line: bytes) -> None:
        if self._on_line is None or self._room <= 0:
            return
        self._room -= len(line) + 1
        text = line[:MAX_LINE].decode("utf-8", errors="replace")
        self._on_line(text if self._room > 0 else "... what the task printed beyond this is not kept")

    def close(self) -> None:
        """Stop reading."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
