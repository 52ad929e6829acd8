"""Sensitivity to costs: metrics of the same decisions at multiples of the costs, and the break-even."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.accounting.backtest import Backtest, Frame, Target, backtest
from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.metrics.formulas import total_return

FACTORS = (0.0, 1.0, 2.0, 5.0)
FIGURES = ("total_return", "cagr", "sharpe_ratio", "max_drawdown")
# The highest multiple tried, as more is unrealistic, and the highest rate, which must stay below one.
MAX_FACTOR, MAX_RATE = 100.0, 0.999
PRECISION = 1e-4


@dataclass(frozen=True)
class AtCosts:
    """One backtest at `factor` times the costs, its figures as in `Backtest.metrics`."""

    factor: float
    commission: float
    slippage: float
    figures: dict[str, float | None]
    reasons: dict[str, str]


@dataclass(frozen=True)
class BreakEven:
    """The multiple of the costs at which cash earns as much, and the commission and slippage of one way there.

    Where there is none, `reason` says why. `no_costs`: there are none to multiply. `no_trades`: nothing was traded.
    `never_profitable`: it loses even without costs. `always_profitable`: it earns more at the highest costs tried.
    """

    factor: float | None
    one_way_percent: float | None
    reason: str | None = None


@dataclass(frozen=True)
class CostSensitivity:
    """The same decisions at several multiples of the costs."""

    rows: tuple[AtCosts, ...]
    break_even: BreakEven

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        document = asdict(self)
        return {**document, "rows": list(document["rows"])}


def cost_sensitivity(
    bars: Frame,
    target: Target,
    costs: Costs = DEFAULT_COSTS,
    initial_cash: float = 100_000.0,
    periods_per_year: float | None = None,
    *,
    factors: Sequence[float] = FACTORS,
) -> CostSensitivity:
    """Backtest `target` at each multiple of `costs`, and search the multiple at which cash earns as much."""

    def at(factor: float) -> Backtest:
        return backtest(bars, target, costs.scaled(factor), initial_cash, periods_per_year)

    return sensitivity(at, costs, factors=factors)


def sensitivity(
    at: Callable[[float], Backtest], costs: Costs, *, factors: Sequence[float] = FACTORS
) -> CostSensitivity:
    """The same of any account, of which `at` gives the backtest at a multiple of `costs`."""
    largest_rate = max(costs.commission, costs.slippage, costs.borrow)
    highest = min(MAX_FACTOR, MAX_RATE / largest_rate) if largest_rate > 0.0 else MAX_FACTOR
    return CostSensitivity(
        rows=tuple(_row(costs, factor, at(factor) if factor <= highest else None) for factor in factors),
        break_even=_break_even(at, costs, highest),
    )


def _row(costs: Costs, factor: float, test: Backtest | None) -> AtCosts:
    commission, slippage = factor * costs.commission, factor * costs.slippage
    if test is None:
        return AtCosts(factor, commission, slippage, dict.fromkeys(FIGURES), dict.fromkeys(FIGURES, "costs_too_high"))
    metrics = test.metrics()
    reasons = {name: metrics["reasons"][name] for name in FIGURES if name in metrics["reasons"]}
    return AtCosts(factor, commission, slippage, {name: metrics[name] for name in FIGURES}, reasons)


def _break_even(at: Callable[[float], Backtest], costs: Costs, highest: float) -> BreakEven:
    """Bisect between a multiple that earns more than cash and one that does not."""

    def earns(test: Backtest) -> bool:
        return total_return(test.returns.to_numpy()) > test.idle_return

    free = at(0.0)
    if free.costs == costs:
        return BreakEven(None, None, "no_costs")
    if not free.traded.any():
        return BreakEven(None, None, "no_trades")
    if not earns(free):
        return BreakEven(None, None, "never_profitable")
    if earns(at(highest)):
        return BreakEven(None, None, "always_profitable")
    low, high = 0.0, highest
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if earns(at(middle)) else (low, middle)
    return BreakEven(low, 100.0 * low * (costs.commission + costs.slippage))
