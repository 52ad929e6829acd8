"""Published signals."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from daemon.api.answers.base import BADGE, NEXT, SUBJECT, Answer
from data_pipeline.provenance import Badge
from evaluation.records.standing import Standing


class Signal(Answer):
    """A champion's decision about one symbol or market."""

    subject: str = SUBJECT
    symbol: str = Field(description="The symbol or market to trade.")
    model_type: str
    version: str = Field(description="The version that made the decision.")
    action: Literal["buy", "hold", "sell"]
    position: float = Field(
        ge=-1.0,
        le=1.0,
        description="The share of capital to hold; negative is short. Of a trader's model, what the trader is expected "
        "to do in the bar that begins: 1 and 0.5 buy Up, -1 and -0.5 buy Down, 0 does nothing.",
    )
    target_return: float | None = Field(
        description="The return to the end of the market that a trader's model was asked for; null is its own."
    )
    confidence: float = Field(ge=0.0, le=1.0)
    price: float = Field(description="The close of the last bar before the decision.")
    interval: str
    as_of: datetime = Field(description="The time at which the last bar before the decision closed.")
    standing: Standing = Field(description="What the evidence says of its recipe now.")
    sentence: str = Field(description="The standing in words.")
    remark: str | None = Field(description="What its version says of this decision, such as what it did without.")
    provenance: str = Field(description="The source of the training data; `sample` is the synthetic market.")
    badge: Badge | None = BADGE
    published_at: datetime
    act_by: datetime | None = Field(
        description="The open of the next bar, at which every figure of the model assumes that it was acted upon; "
        "null where the signal was published before this was recorded."
    )
    expires_at: datetime
    stale: bool = Field(description="Whether it has expired, or is of a clock that ran ahead; do not act upon it then.")


class MissingSignal(Answer):
    """A champion that has no current signal, and why."""

    subject: str = SUBJECT
    model_type: str
    version: str
    code: str = Field(examples=["signals.not_run"], description="A stable code of the reason.")
    message: str
    cure: str


class SignalList(Answer):
    """The newest signal of every subject, symbol and model type."""

    items: list[Signal]
    missing: list[MissingSignal] = Field(description="The champions that serve, but have no current signal.")


class SignalHistory(Answer):
    """Signals of a subject or about a symbol, newest first; `current` is each model's latest, if it has not expired."""

    subject: str = Field(description="The subject or symbol in the address.")
    current: list[Signal]
    missing: list[MissingSignal] = Field(description="Its champions that serve, but have no current signal.")
    items: list[Signal]
    next: int | None = NEXT
