"""Comparison: whether a challenger earned its place on bars that neither side has seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from config.errors import NightdeskError
from config.settings import Promotion
from evaluation.backtesting import Backtest

Outcome = Literal["better", "worse", "inconclusive"]
_FIGURES = ("sharpe_ratio", "max_drawdown", "total_return", "trades")


@dataclass(frozen=True)
class Verdict:
    """What became of a comparison, why (codes), and the figures it rests on."""

    verdict: Outcome
    reasons: tuple[str, ...]
    figures: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "reasons": list(self.reasons)}


def judge(challenger: Backtest, champion: Backtest | None, rules: Promotion) -> Verdict:
    """Judge `challenger` against `champion` on the same bars, or against cash where there is no champion.

    Better needs enough completed trades, a Sharpe ratio higher by more than `min_sharpe_gain`, and a drawdown at most
    `max_extra_drawdown` points deeper; against cash, a Sharpe ratio and a total return above zero. A champion that held
    nothing on these bars is judged as the cash it was. What is undefined is never better.
    """
    if champion is not None and not champion.equity.index.equals(challenger.equity.index):
        raise NightdeskError(
            "comparison.different_bars",
            f"The challenger was run on {len(challenger.equity)} bars and the champion on {len(champion.equity)}, "
            "and their times are not the same.",
            "Run both on the same unseen bars.",
        )
    ours = challenger.metrics()
    rival = None if champion is None or not champion.positions.any() else champion.metrics()
    figures: dict[str, Any] = {"challenger": {name: ours[name] for name in _FIGURES}}
    if champion is not None:
        figures["champion"] = {name: champion.metrics()[name] for name in _FIGURES}
    if ours["trades"] < rules.min_trades:
        return Verdict("inconclusive", ("too_few_trades",), figures)
    needed = [ours["sharpe_ratio"], ours["max_drawdown"], ours["total_return"]]
    if rival is not None:
        needed += [rival["sharpe_ratio"], rival["max_drawdown"]]
    if None in needed:
        return Verdict("inconclusive", ("undefined",), figures)
    figures["sharpe_gain"] = ours["sharpe_ratio"] - (rival["sharpe_ratio"] if rival is not None else 0.0)
    return Verdict(*_weigh(ours, rival, figures["sharpe_gain"], rules), figures)


def _weigh(
    ours: dict[str, Any], rival: dict[str, Any] | None, gain: float, rules: Promotion
) -> tuple[Outcome, tuple[str, ...]]:
    against: list[str] = []
    if gain < 0.0:
        against.append("sharpe_diff")
    if rival is None and ours["total_return"] <= 0.0:
        against.append("total_return")
    if rival is not None and ours["max_drawdown"] < rival["max_drawdown"] - rules.max_extra_drawdown:
        against.append("drawdown")
    if against:
        return "worse", tuple(against)
    return ("better" if gain > rules.min_sharpe_gain else "inconclusive"), ("sharpe_diff",)
