"""What a table of traders' decisions was made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

_ENOUGH = 1000  # sequences


@dataclass
class Report:
    """Counts of what a table was made of."""

    seconds: int = 0  # of a bar
    markets: int = 0
    too_short: int = 0  # markets without two bars
    open: int = 0  # markets that are not over
    events: int = 0
    assumed_outcomes: int = 0  # trades that name no outcome
    fills: int = 0  # of the markets
    fills_without_row: int = 0  # in the first bar of markets whose slug does not say when they open
    earned: float = 0.0  # money, in all markets
    earned_without_row: float = 0.0  # by those fills
    rejected: dict[str, int] = field(default_factory=dict)  # events by reason
    repeated_fills: int = 0
    not_held: int = 0  # settlements of more than the log knows of
    failed: dict[str, str] = field(default_factory=dict)  # log -> code
    sequences: dict[str, int] = field(default_factory=dict)  # by split; each ends at one row
    actions: dict[str, int] = field(default_factory=dict)
    first: str = ""  # the time of the first row
    last: str = ""  # when the last market was settled
    barriers: str = "fixed"  # or `fitted` to the trader's exits in training markets, or why they are not
    profit: float = 0.0
    stop: float = 0.0
    patience: int = 0  # bars
    newest_fill: str = ""  # its time, in any log
    id: str = ""

    @property
    def barrier_text(self) -> str:
        """The barriers of the labels, as a person reads them."""
        return f"+{self.profit:.3g} / -{self.stop:.3g} / {self.patience} bars"

    @property
    def rejection(self) -> str:
        """How many events were rejected, and why most of them: the likeliest reason for a market that is too short."""
        if not self.rejected:
            return ""
        reason = max(self.rejected, key=lambda name: self.rejected[name])
        return f"; {sum(self.rejected.values())} events were rejected, most of them as {reason.replace('_', ' ')}"

    @property
    def cure_of_no_market(self) -> str:
        """What helps where no log had a market to learn from, by what its logs lack."""
        if self.rejected.get("before_first_trade"):
            return "The trader did nothing in these markets: pull logs of markets in which the trader has fills."
        if self.open and not self.too_short:
            return "These markets are still open: make the table again when one of them is over."
        return f"Name a folder of `<slug>_prices.json`, or choose bars shorter than {self.seconds}s."

    @property
    def notes(self) -> list[str]:
        """Sentences on what a reader should know before learning from the table."""
        sequences = self.sequences.get("train", 0)
        few = f"There are {sequences} sequences to learn from; fewer than {_ENOUGH} teach a network little."
        assumed = (
            f"{self.assumed_outcomes} trades name no outcome: taken for that of the token in their slug, else for Up."
        )
        unknown = (
            f"{self.fills_without_row} of {self.fills} fills have no row, and with them {self.earned_without_row:.2f} "
            f"of {self.earned:.2f} earned: the slugs do not say when their markets opened, and a first price is no row."
        )
        notes = [
            (sequences < _ENOUGH, few),
            (self.assumed_outcomes > 0, assumed),
            (self.fills_without_row > 0, unknown),
            (self.barriers.startswith("not fitted"), f"The barriers are the fixed ones, {self.barriers}"),
        ]
        return [text for holds, text in notes if holds]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "notes": self.notes}
