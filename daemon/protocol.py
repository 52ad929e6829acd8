"""How the daemon and its workers speak: JSON messages of bounded size, each behind its length, over a socket pair.

The channel is a descriptor of its own, so nothing that a library prints can be taken for a message.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any

import orjson

from config.errors import NightdeskError

MAX_MESSAGE = 8 * 2**20
_LENGTH = struct.Struct(">I")


def pack(message: dict[str, Any]) -> bytes:
    """One message as bytes; what is too large or not JSON is refused before any of it is sent."""
    try:
        body = orjson.dumps(message)
    except TypeError as error:
        raise NightdeskError(
            "task.not_json",
            f"A message between daemon and worker cannot be told in JSON: {error}.",
            "Tasks take and return plain dicts, lists, strings and numbers.",
        ) from error
    if len(body) > MAX_MESSAGE:
        raise NightdeskError(
            "task.message_too_large",
            f"A message between daemon and worker has {len(body)} bytes; the limit is {MAX_MESSAGE}.",
            "Write large results to a file and return its name.",
        )
    return _LENGTH.pack(len(body)) + body


def _length(header: bytes) -> int:
    (length,) = _LENGTH.unpack(header)
    if length > MAX_MESSAGE:
        raise _garbled(f"announces {length} bytes")
    return int(length)


def _unpack(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _garbled(f"is not JSON ({error})") from error
    if not isinstance(message, dict):
        raise _garbled("is not an object")
    return message


def _garbled(what: str) -> NightdeskError:
    return NightdeskError(
        "task.garbled",
        f"A message from a worker {what}.",
        "Something else writes to the worker's channel; see the run's log for what the task printed.",
    )


async def receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message; asyncio.IncompleteReadError when the other side is gone."""
    length = _length(await reader.readexactly(_LENGTH.size))
    return _unpack(await reader.readexactly(length))


class Channel:
    """The worker's end: blocking, and safe to send through from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rb")
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        packed = pack(message)
        with self._lock:
            self._connection.sendall(packed)

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when the daemon is gone."""
        header = self._stream.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            return None
        length = _length(header)
        body = self._stream.read(length)
        return _unpack(body) if len(body) == length else None
