"""Messages of the task that backtests a strategy on one symbol."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from daemon.domain.tasks import Document, Message, TaskRequest, TaskResult, TaskTarget


class DecisionRow(Message):
    """What a strategy decided at the close of one bar. `votes` are each analyst's probability and confidence."""

    time: datetime
    action: str
    strength: float
    probability_up: float
    position: float
    reward: float | None
    price: float
    votes: dict[str, tuple[float, float] | None]


class BacktestResult(TaskResult):
    """The decisions of a span, and what they earned net of costs, what holding earned, and what cash did."""

    interval: str
    provenance: str
    first: date
    last: date
    earned: Document
    held: Document
    cash: Document
    actions: dict[str, int]
    absent: tuple[str, ...]
    decisions: tuple[DecisionRow, ...]

    def summary(self) -> Document:
        """All but the decisions."""
        document: Document = self.model_dump(mode="json", exclude={"decisions"})
        return {**document, "bars": len(self.decisions)}


class BacktestRequest(TaskRequest[BacktestResult]):
    """Let a strategy decide on the stored bars of a symbol whose sessions lie between two dates, both included."""

    kind: ClassVar[str] = "backtest"
    result: ClassVar[type[TaskResult]] = BacktestResult
    symbol: str
    strategy: Document
    start: date
    end: date

    @property
    def target(self) -> TaskTarget:
        """The symbol."""
        return TaskTarget(self.symbol)
