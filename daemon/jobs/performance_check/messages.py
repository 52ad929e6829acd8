"""Messages of the tasks that measure champions."""

from __future__ import annotations

from typing import ClassVar

from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import ModelRequest, TaskResult, VersionRef


class MonitorResult(TaskResult):
    """The metrics of what a version decides on bars after its training, and of what it has published, if anything."""

    evaluation: MonitoredMetrics
    live: MonitoredMetrics | None


class MonitorRequest(ModelRequest[MonitorResult]):
    """Measure how far a version has moved from its training, and whether it is like its expert."""

    kind: ClassVar[str] = "monitor"
    result: ClassVar[type[TaskResult]] = MonitorResult
    version: VersionRef
    signals: tuple[PublishedSignal, ...]


class LivePerformanceResult(TaskResult):
    """What following the published signals would have earned."""

    metrics: Metrics


class LivePerformanceRequest(ModelRequest[LivePerformanceResult]):
    """Measure what was earned with the published signals, those of earlier champions among them."""

    kind: ClassVar[str] = "live_performance"
    result: ClassVar[type[TaskResult]] = LivePerformanceResult
    version: str
    signals: tuple[PublishedSignal, ...]
