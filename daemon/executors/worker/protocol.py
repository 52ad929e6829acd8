"""How the daemon and its workers communicate: JSON messages of bounded size, each after its length, over a socket pair.

The channel is a descriptor of its own, so nothing that a library prints can be taken for a message.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from config.errors import NightdeskError
from config.secrets import Secret
from config.settings import Settings
from daemon.domain.tasks import ErrorInfo, Message, ResultT, TaskProgress, TaskRequest, TaskResult

MAX_MESSAGE = 8 * 2**20
_LENGTH = struct.Struct(">I")
MessageT = TypeVar("MessageT", bound=BaseModel)
RequestT = TypeVar("RequestT", bound=TaskRequest[TaskResult])


class Kind(BaseModel):
    """The part of an assignment that says of which class its request is."""

    kind: str


class Assignment(Message, Generic[RequestT]):
    """The daemon gives a worker a task."""

    kind: str
    request: RequestT
    home: str
    settings: Settings
    secrets: dict[str, str] = Field(default_factory=dict, repr=False)  # those that this task is handed, by name


class TaskEnded(Message, Generic[ResultT]):
    """A worker has ended its task: with a result, or with an error."""

    event: Literal["ended"] = "ended"
    result: ResultT | None = None
    error: ErrorInfo | None = None


@cache
def assignment_of(request: type[RequestT]) -> type[Assignment[RequestT]]:
    """The class of assignments of such requests."""
    return Assignment[request]  # type: ignore[valid-type]


@cache
def ended_with(result: type[ResultT]) -> type[TaskEnded[ResultT]]:
    """The class of ends with such results."""
    return TaskEnded[result]  # type: ignore[valid-type]


@cache
def _answers(result: type[ResultT]) -> TypeAdapter[TaskProgress | TaskEnded[ResultT]]:
    """What a worker may send while it does a task with such a result."""
    answer: Any = Annotated[TaskProgress | ended_with(result), Field(discriminator="event")]
    return TypeAdapter(answer)


def assign(
    request: TaskRequest[TaskResult], home: str, settings: Settings, secrets: Mapping[str, Secret]
) -> Assignment[Any]:
    """The assignment of `request` to a worker, with the values of the secrets that it is handed."""
    assignment = assignment_of(type(request))
    values = {name: secret.reveal() for name, secret in secrets.items()}
    return assignment(kind=request.kind, request=request, home=home, settings=settings, secrets=values)


def read_answer(result: type[ResultT], body: bytes) -> TaskProgress | TaskEnded[ResultT]:
    """A message from a worker, if it is one; else `task.garbled`."""
    try:
        return _answers(result).validate_json(body)
    except ValidationError as error:
        raise garbled(f"is not what was expected: {_first_fault(error)}") from error


def read(message: type[MessageT], body: bytes) -> MessageT:
    """A message of this class; `task.garbled` for anything else."""
    try:
        return message.model_validate_json(body)
    except ValidationError as error:
        raise garbled(f"is no {message.__name__}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def garbled(fault: str) -> NightdeskError:
    """The error of a message that cannot be understood."""
    return NightdeskError(
        "task.garbled",
        f"A message between daemon and worker {fault}.",
        "Something else writes to the worker's channel; see the run's log for what the task printed.",
    )


def pack(message: Message) -> bytes:
    """One message as bytes; what is too large or not JSON is refused before any of it is sent."""
    try:
        body = message.model_dump_json().encode()
    except ValueError as error:  # pydantic's error of what it cannot serialise is one
        raise NightdeskError(
            "task.not_json",
            f"A message between daemon and worker cannot be written as JSON: {error}.",
            "Requests and results hold plain values: text, numbers, lists and mappings.",
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
        raise garbled(f"announces {length} bytes")
    return int(length)


async def receive(reader: asyncio.StreamReader) -> bytes:
    """The body of the next message; asyncio.IncompleteReadError when the other side is gone."""
    return await reader.readexactly(_length(await reader.readexactly(_LENGTH.size)))


class Channel:
    """The worker's end: blocking, and safe to send through from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rb")
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send one message."""
        packed = pack(message)
        with self._lock:
            self._connection.sendall(packed)

    def receive(self) -> bytes | None:
        """The body of the next message; None when the daemon is gone."""
        header = self._stream.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            return None
        length = _length(header)
        body = self._stream.read(length)
        return body if len(body) == length else None
