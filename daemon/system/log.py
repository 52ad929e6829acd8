"""The desk's log: structured events, a JSON object a line, in the home and in a file for each run."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from config.secrets import redact

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.system.clock import Clock

# A file that would grow beyond this takes the name `<name>.1.jsonl`, in the place of the one before it.
MAX_BYTES = 10 * 2**20
MAX_LINE = 32 * 2**10
MAX_TRACEBACK = 8 * 2**10
MAX_DEPTH = 8
# One line at a time, and one renaming of a full file, from whatever thread.
_LOCK = threading.Lock()


class Log:
    """Writes events; whatever happens to disk or terminal, it never raises into its caller.

    Inside its block it also takes the records of `logging`.

    Args:
        home: where the files lie.
        clock: the time of events.
        log_format: what standard error shows: `text`, `json`, or nothing (`quiet`); by default `text` on a terminal
            and `json` elsewhere.
        stream: in the place of standard error.
        run: the run whose events these are.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        log_format: str | None = None,
        *,
        stream: TextIO | None = None,
        run: str | None = None,
    ) -> None:
        self._home = home
        self._clock = clock
        self._stream = stream or sys.stderr
        self._format = log_format or ("text" if self._stream.isatty() else "json")
        self._run = run
        self._files = [home.log, home.run_log(run)] if run else [home.log]
        self._unwritable: set[Path] = set()
        self._bridge = _Bridge(self)

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self._bridge)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self._bridge)

    def for_run(self, run: str) -> Log:
        """The same log for the events of one run, which go to the run's own file as well."""
        return Log(self._home, self._clock, self._format, stream=self._stream, run=run)

    def write(self, level: str, event: str, /, **fields: Any) -> None:
        """Write one event; every secret in it is masked."""
        at = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        head = {"at": at, "level": level, "event": event} | ({"run": self._run} if self._run else {})
        record = head | {name: _plain(value) for name, value in fields.items() if name not in head}
        if len(line := _line(record)) > MAX_LINE:
            line = _line(record := head | {"truncated": f"the event had {len(line)} bytes"})
        with _LOCK:
            if self._format != "quiet":
                self._show(_human(record) if self._format == "text" else line.decode())
            for file in self._files:
                self._append(file, line)

    def announce(self, text: str) -> None:
        """Show a sentence on standard error where events are not shown: to a person at a command."""
        if self._format == "quiet":
            self._show(f"nightdesk: {text}\n")

    def fault(self, event: str, error: BaseException, /, **fields: Any) -> None:
        """Write the event of an error with its traceback."""
        trace = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
        self.write("error", event, error=f"{type(error).__name__}: {error}", traceback=trace, **fields)

    def _append(self, file: Path, line: bytes) -> None:
        try:
            append(file, line)
        except OSError as error:
            if file not in self._unwritable:
                self._unwritable.add(file)
                self._show(f"nightdesk: {file.name} cannot be written: {error.strerror}. Its events come here.\n")
            if self._format == "quiet":
                self._show(line.decode())
        else:
            self._unwritable.discard(file)

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone; the files stay
            self._stream.write(text)
            self._stream.flush()


def append(file: Path, line: bytes) -> None:
    """Append `line` whole or not at all; OSError when it cannot be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(handle).st_size
        if size + len(line) > MAX_BYTES:
            file.replace(file.with_suffix(f".1{file.suffix}"))
            os.close(handle)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            size = 0
        if os.write(handle, line) < len(line):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it, with every secret masked."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        return {redact(str(name)): _plain(item, depth + 1) for name, item in value.items()}
    if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return redact(str(value))


def _line(record: dict[str, Any]) -> bytes:
    # A lone surrogate, as undecodable file names hold, becomes its JSON escape.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _human(record: dict[str, Any]) -> str:
    head = f"{record['at'][:19]}Z {record['level']:<7} {record['event']}"
    rest = (f"{name}={_word(value)}" for name, value in record.items() if name not in ("at", "level", "event"))
    return " ".join((head, *rest)) + "\n"


def _word(value: Any) -> str:
    """A value on one line; nothing in it can move the cursor or forge another line."""
    if isinstance(value, str) and value.isprintable() and value and " " not in value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


class _Bridge(logging.Handler):
    """Writes the warnings of libraries, which come through `logging`, to the log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            self._log.fault("library.error", record.exc_info[1], **fields)
        else:
            self._log.write(record.levelname.lower(), "library.message", **fields)
