"""The messages of tasks: what the daemon asks of a worker, what the worker answers, and what it reports on the way.

A kind of task is a class of request and a class of result, in `daemon/jobs/<job>/messages.py`:

    class CountResult(TaskResult):
        rows: int

    class CountRequest(TaskRequest[CountResult]):
        kind: ClassVar[str] = "count"
        result: ClassVar[type[TaskResult]] = CountResult
        symbol: str
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_jsonable_python

from config.errors import NightdeskError

Document = dict[str, JsonValue]
"""A JSON object whose content is a model type's or a reader's affair, not the daemon's."""


def as_object(value: object) -> Document:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


class Message(BaseModel):
    """A frozen value that crosses between daemon and worker as JSON; a wrong type or an extra field is refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def document(self) -> Document:
        """As a JSON object, for the database and its readers."""
        document: Document = self.model_dump(mode="json")
        return document


class ErrorInfo(Message):
    """A `NightdeskError` as a message."""

    code: str
    message: str
    cure: str
    detail: Document = Field(default_factory=dict)

    @classmethod
    def of(cls, error: NightdeskError) -> ErrorInfo:
        """The message for `error`; what JSON cannot hold of its detail is kept as text."""
        detail = to_jsonable_python(error.detail, fallback=str, inf_nan_mode="null")
        return cls(code=error.code, message=error.message, cure=error.cure, detail=detail)

    def exception(self) -> NightdeskError:
        """The error that can be raised."""
        return NightdeskError(self.code, self.message, self.cure, **self.detail)


class VersionRef(Message):
    """A model version by the name of its folder and the hash that was recorded for its manifest."""

    name: str
    manifest_sha256: str


class TaskResult(Message):
    """The answer of a task; large results are written to a file, whose name is returned."""


ResultT = TypeVar("ResultT", bound=TaskResult)
ResultT_co = TypeVar("ResultT_co", bound=TaskResult, covariant=True)


@dataclass(frozen=True)
class TaskTarget:
    """What a task works on, as far as it has a subject, a model type and an iteration."""

    subject: str = ""
    model_type: str = ""
    iteration: int = 0


class TaskRequest(Message, Generic[ResultT_co]):
    """What a task is asked to do. `kind` names it, `result` is the class of its answer."""

    kind: ClassVar[str]
    result: ClassVar[type[TaskResult]]

    @property
    def target(self) -> TaskTarget:
        """What the task works on."""
        return TaskTarget()

    @property
    def label(self) -> str:
        """How reports name the task: AAPL/behavioral_cloner#2, AAPL, or its kind."""
        target = self.target
        name = "/".join(part for part in (target.subject, target.model_type) if part) or self.kind
        return f"{name}#{target.iteration}" if target.iteration else name


class ModelRequest(TaskRequest[ResultT_co]):
    """A task for the models of one type that speak of one subject."""

    subject: str
    model_type: str
    iteration: int = 0

    @property
    def target(self) -> TaskTarget:
        """The models, and which of several tasks for them this is."""
        return TaskTarget(self.subject, self.model_type, self.iteration)


class TaskProgress(Message):
    """A worker reports how far its task is, between 0 and 1."""

    event: Literal["progress"] = "progress"
    fraction: float
    message: str = ""


class OutputLine(Message):
    """A line that a task printed."""

    event: Literal["line"] = "line"
    line: str


TaskEvent = TaskProgress | OutputLine
