"""Messages of the task that asks a champion for its signals."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from daemon.domain.signals import OWN, PublishedSignal
from daemon.domain.tasks import Message, ModelRequest, TaskResult, VersionRef
from data_pipeline.provenance import ProvenanceField

# What a person should know where no version serves.
NO_CHAMPION = {
    "message": "No version serves, so no signal is published.",
    "cure": "`nightdesk models` lists what was trained, and `nightdesk evaluate` says why none of it serves.",
}


class LatestSignal(Message):
    """A champion's target for one symbol at the close of its last stored bar, with what a reader needs to trust it.

    `act_by` is the open of the next bar: the instant of the fill that all figures of the version assume. `remark` is
    what the version says of this decision, such as what it was decided without.
    """

    symbol: str
    bar_time: datetime
    interval: str
    position: float
    confidence: float
    price: float
    provenance: ProvenanceField
    dataset: str
    act_by: datetime
    expires_at: datetime
    target: str = OWN
    remark: str = ""


class SignalResult(TaskResult):
    """The latest signal of each symbol that the version decides on."""

    signals: tuple[LatestSignal, ...]


class SignalRequest(ModelRequest[SignalResult]):
    """Ask this version for its latest signals.

    `published` are the signals that it has published, oldest first: a model whose decisions depend on its own account
    continues from them where the stored bars do not reach back to the start of that account. `target_returns` are the
    returns that it is asked for; None is its own.
    """

    kind: ClassVar[str] = "signal"
    result: ClassVar[type[TaskResult]] = SignalResult
    version: VersionRef
    published: tuple[PublishedSignal, ...] = ()
    target_returns: tuple[float | None, ...] = (None,)
