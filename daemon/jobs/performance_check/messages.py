"""Messages of the tasks that measure champions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import ModelRequest, TaskResult, VersionRef
from daemon.jobs.records.messages import RecordRef


class MonitorResult(TaskResult):
    """The metrics of the newest part of a recipe's record, and of what its versions have published, if anything.

    `regimes` are the volatility regime and the direction of the market, now and when the newest version was trained.
    """

    evaluation: MonitoredMetrics
    live: MonitoredMetrics | None
    regimes: Metrics = Metrics(values={})


class MonitorRequest(ModelRequest[MonitorResult]):
    """Measure how far inputs and decisions have moved from the version's training, and whether it is like its expert.

    `record` is that of its recipe, by which decisions are observed on bars that their models had not seen; None for a
    version that was trained before there were records, whose own decisions stand in for it. `signals` are those that
    the versions of its recipe have published; `trained_until` is the last bar from which the newest version learned.
    """

    kind: ClassVar[str] = "monitor"
    result: ClassVar[type[TaskResult]] = MonitorResult
    version: VersionRef
    record: RecordRef | None
    signals: tuple[PublishedSignal, ...]
    trained_until: datetime


class LivePerformanceResult(TaskResult):
    """What following the published signals would have earned."""

    metrics: Metrics


class LivePerformanceRequest(ModelRequest[LivePerformanceResult]):
    """Measure what was earned with the published signals, those of earlier champions among them."""

    kind: ClassVar[str] = "live_performance"
    result: ClassVar[type[TaskResult]] = LivePerformanceResult
    version: str
    signals: tuple[PublishedSignal, ...]
