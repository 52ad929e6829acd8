"""Promotion gate: whether a challenger earned its place on bars that neither side has seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

from config.errors import NightdeskError
from config.settings import Promotion
from evaluation.accounting.backtest import Backtest
from evaluation.metrics.formulas import UndefinedError, computed_or_reason
from evaluation.statistics.bootstrap import SharpeDifference, sharpe_difference
from evaluation.statistics.significance import Trials, significance

Outcome = Literal["better", "worse", "inconclusive"]
# Why figures may not be trusted, whatever they are: look-ahead, or no audit for it; features that drifted since
# training, or no reference to measure that.
Doubt = Literal["leak", "no_audit", "drift", "no_reference"]
_FIGURES = ("sharpe_ratio", "max_drawdown", "total_return", "trades")
ALONE = Trials()


@dataclass(frozen=True)
class Verdict:
    """The outcome of a comparison, its reasons (codes), and the figures it rests on."""

    verdict: Outcome
    reasons: tuple[str, ...]
    figures: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "reasons": list(self.reasons)}


def judge(
    challenger: Backtest,
    champion: Backtest | None,
    rules: Promotion,
    *,
    trials: Trials = ALONE,
    doubts: Collection[Doubt] = (),
) -> Verdict:
    """Judge `challenger`, one of `trials`, against `champion` on the same bars, or against cash where there is none.

    Better is what is surely so: with `rules.confidence` its Sharpe ratio is higher (paired block bootstrap), by more
    than `min_sharpe_gain` as measured, from enough completed trades, without a drawdown that is more than
    `max_extra_drawdown` points deeper. Luck has as many chances as there were trials, whoever is the rival, so its
    deflated Sharpe ratio must be as sure; against cash its total return must be above what that earned. Worse is a
    Sharpe ratio that is as surely lower, or a limit broken. A champion that held nothing on these bars, or surely
    loses to cash, is judged as the cash it should have been. What is undefined or in doubt is never better.
    """
    _check_same_bars(challenger, champion)
    rival = champion if champion is not None and _is_rival(champion, rules) else None
    figures: dict[str, Any] = {
        "rival": "champion" if rival is not None else "cash",
        "confidence": rules.confidence,
        "challenger": _shown(challenger),
        **({"champion": _shown(champion)} if champion is not None else {}),
        "cash": {"total_return": challenger.idle_return},
        **_evidence(challenger, rival, rules, trials),
    }
    if doubts:
        return Verdict("inconclusive", tuple(doubts), figures)
    if figures["challenger"]["trades"] < rules.min_trades:
        return Verdict("inconclusive", ("too_few_trades",), figures)
    return Verdict(*_outcome(figures, rules), figures)


def _check_same_bars(challenger: Backtest, champion: Backtest | None) -> None:
    if champion is not None and not champion.equity.index.equals(challenger.equity.index):
        raise NightdeskError(
            "comparison.different_bars",
            f"The challenger was run on {len(challenger.equity)} bars and the champion on {len(champion.equity)}, "
            "and their times are not the same.",
            "Run both on the same unseen bars.",
        )


def _shown(test: Backtest) -> dict[str, Any]:
    metrics = test.metrics()
    return {name: metrics[name] for name in _FIGURES}


def _is_rival(champion: Backtest, rules: Promotion) -> bool:
    """Whether the champion is a rival: it held something, and does not surely lose to cash."""
    if not champion.positions.any():
        return False
    try:
        return _gain(champion, None, rules).confidence > 1.0 - rules.confidence
    except UndefinedError:
        return True


def _gain(challenger: Backtest, rival: Backtest | None, rules: Promotion) -> SharpeDifference:
    """The difference of Sharpe ratios, its bounds crossing zero where the verdict turns."""
    return sharpe_difference(
        challenger.excess.to_numpy(),
        rival.excess.to_numpy() if rival is not None else None,
        periods_per_year=challenger.periods_per_year,
        level=2.0 * rules.confidence - 1.0,
    )


def _evidence(challenger: Backtest, rival: Backtest | None, rules: Promotion, trials: Trials) -> dict[str, Any]:
    worth = significance(
        challenger.excess.to_numpy(),
        periods_per_year=challenger.periods_per_year,
        trials=trials,
        confidence=rules.confidence,
    )
    gain, reasons = computed_or_reason({"sharpe_difference": lambda: _gain(challenger, rival, rules).to_dict()})
    return {**gain, "significance": worth.to_dict(), "reasons": reasons}


def _outcome(figures: dict[str, Any], rules: Promotion) -> tuple[Outcome, tuple[str, ...]]:
    ours, gain = figures["challenger"], figures["sharpe_difference"]
    rival = figures["champion"] if figures["rival"] == "champion" else None
    if None in ours.values() or (rival is not None and None in rival.values()):
        return "inconclusive", ("undefined",)
    against: list[str] = []
    if gain is not None and gain["confidence"] <= 1.0 - rules.confidence:
        against.append("sharpe_diff")
    if rival is None and ours["total_return"] <= figures["cash"]["total_return"]:
        against.append("total_return")
    if rival is not None and ours["max_drawdown"] < rival["max_drawdown"] - rules.max_extra_drawdown:
        against.append("drawdown")
    if against:
        return "worse", tuple(against)
    if gain is None:  # two that decide alike have a difference too small for an error
        return "inconclusive", ("undefined" if rival is None else "sharpe_diff",)
    if gain["confidence"] < rules.confidence or gain["difference"] <= rules.min_sharpe_gain:
        return "inconclusive", ("sharpe_diff",)
    deflated = figures["significance"]["deflated_sharpe_ratio"]
    if deflated is None or deflated < rules.confidence:
        return "inconclusive", ("undefined" if deflated is None else "deflated_sharpe",)
    return "better", ("sharpe_diff",)
