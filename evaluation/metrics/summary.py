"""All metrics of returns, trades and positions, as JSON.

An undefined metric is None with a reason, never infinite, NaN or 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from evaluation.metrics import formulas
from evaluation.metrics.formulas import Array, Reason, UndefinedError

Unit = Literal["percent", "ratio", "bars", "trades", "times a year", "time"]

# Each metric: its formula, what that is computed from, and its unit.
METRICS: dict[str, tuple[Callable[..., float], tuple[str, ...], Unit]] = {
    "total_return": (formulas.total_return, ("returns",), "percent"),
    "annualised_return": (formulas.annualised_return, ("returns", "periods_per_year"), "percent"),
    "cagr": (formulas.cagr, ("returns", "periods_per_year"), "percent"),
    "volatility": (formulas.volatility, ("returns", "periods_per_year"), "percent"),
    "downside_deviation": (formulas.downside_deviation, ("returns", "periods_per_year"), "percent"),
    "max_drawdown": (formulas.max_drawdown, ("returns",), "percent"),
    "average_drawdown": (formulas.average_drawdown, ("returns",), "percent"),
    "var_5": (formulas.value_at_risk, ("returns",), "percent"),
    "cvar_5": (formulas.conditional_value_at_risk, ("returns",), "percent"),
    "sharpe_ratio": (formulas.sharpe_ratio, ("excess", "periods_per_year"), "ratio"),
    "sortino_ratio": (formulas.sortino_ratio, ("excess", "periods_per_year"), "ratio"),
    "calmar_ratio": (formulas.calmar_ratio, ("returns", "periods_per_year"), "ratio"),
    "omega_ratio": (formulas.omega_ratio, ("returns",), "ratio"),
    "information_ratio": (formulas.information_ratio, ("returns", "benchmark", "periods_per_year"), "ratio"),
    "trades": (np.size, ("pnl",), "trades"),
    "win_rate": (formulas.win_rate, ("pnl",), "percent"),
    "profit_factor": (formulas.profit_factor, ("pnl",), "ratio"),
    "expectancy": (formulas.expectancy, ("return",), "percent"),
    "best_trade": (formulas.best_trade, ("return",), "percent"),
    "worst_trade": (formulas.worst_trade, ("return",), "percent"),
    "open_trade": (formulas.open_trade, ("open_trade",), "percent"),
    "average_duration": (formulas.average_duration, ("bars_held",), "bars"),
    "turnover": (formulas.turnover, ("traded", "periods_per_year"), "times a year"),
    "exposure": (formulas.exposure, ("positions",), "percent"),
}
DRAWDOWN_TIMES = ("max_drawdown_start", "max_drawdown_trough", "max_drawdown_recovery")
UNITS: dict[str, Unit] = {name: unit for name, (_, _, unit) in METRICS.items()} | dict.fromkeys(DRAWDOWN_TIMES, "time")
_ABSENT: dict[str, Reason] = {
    "periods_per_year": "unknown_period",
    "benchmark": "no_benchmark",
    "pnl": "no_trades",
    "return": "no_trades",
    "bars_held": "no_trades",
    "open_trade": "nothing_open",
    "traded": "no_positions",
    "positions": "no_positions",
}


def compute_metrics(
    returns: pd.Series | Array,
    *,
    periods_per_year: float | None,
    trades: pd.DataFrame | None = None,
    open_trade: float | None = None,
    positions: pd.Series | Array | None = None,
    traded: pd.Series | Array | None = None,
    benchmark: pd.Series | Array | None = None,
    interest: float = 0.0,
) -> dict[str, Any]:
    """Every metric by name, JSON-able; `metrics["reasons"][name]` says why one is None, `UNITS[name]` its unit.

    Args:
        returns: simple returns, one a bar.
        periods_per_year: bars a year; with None, annualised metrics are undefined.
        trades: completed round trips with columns pnl, return and bars_held, as in `Backtest.trades`.
        open_trade: the return of a trade that is not completed, if there is one.
        positions: the weight held at each close.
        traded: the fraction of the account that changed hands in each bar.
        benchmark: returns of the alternative on the same bars.
        interest: the return of cash in a bar; Sharpe and Sortino ratio are of the returns in excess of it.
    """
    earned = _checked("returns", returns, least=-1.0)
    inputs: dict[str, Any] = {
        "returns": earned,
        "excess": earned - interest if interest else earned,
        "periods_per_year": periods_per_year,
        "open_trade": open_trade,
        "positions": None if positions is None else _checked("positions", positions),
        "traded": None if traded is None else _checked("traded", traded, least=0.0),
        "benchmark": None if benchmark is None else _checked("benchmark", benchmark, least=-1.0),
        **{name: None if trades is None else _checked(name, trades[name]) for name in ("pnl", "return", "bars_held")},
    }
    _check_together(inputs)
    values: dict[str, Any] = {}
    reasons: dict[str, Reason] = {}
    for name, (formula, needs, _) in METRICS.items():
        try:
            values[name] = _defined(formula, {need: inputs[need] for need in needs})
        except UndefinedError as undefined:
            values[name], reasons[name] = None, undefined.reason
    times, why = _drawdown_times(inputs["returns"], returns.index if isinstance(returns, pd.Series) else None)
    return {**values, **times, "reasons": {**reasons, **why}}


def _defined(formula: Callable[..., float], inputs: dict[str, Any]) -> float | int:
    for name, value in inputs.items():
        if value is None:
            raise UndefinedError(_ABSENT[name])
    with np.errstate(over="ignore", invalid="ignore"):
        result = formula(*inputs.values())
    if not math.isfinite(result):
        raise UndefinedError("too_large")
    return result


def _drawdown_times(returns: Array, index: pd.Index | None) -> tuple[dict[str, Any], dict[str, Reason]]:
    """When the deepest drawdown began, was deepest and was over; a start before the first return is the first bar."""
    try:
        drawdown = formulas.deepest_drawdown(returns)
    except UndefinedError as undefined:
        return dict.fromkeys(DRAWDOWN_TIMES), dict.fromkeys(DRAWDOWN_TIMES, undefined.reason)

    def when(position: int) -> Any:
        at = max(position, 0)
        label = at if index is None else index[at]
        return label.isoformat() if isinstance(label, pd.Timestamp) else int(label)

    start, trough = when(drawdown.start), when(drawdown.trough)
    if drawdown.recovery is None:
        return dict(zip(DRAWDOWN_TIMES, (start, trough, None), strict=True)), {DRAWDOWN_TIMES[2]: "not_recovered"}
    return dict(zip(DRAWDOWN_TIMES, (start, trough, when(drawdown.recovery)), strict=True)), {}


def _checked(name: str, values: pd.Series | Array, least: float = -math.inf) -> Array:
    array = np.asarray(values, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= least))) if array.ndim == 1 else np.array([0])
    if bad.size:
        raise NightdeskError(
            "metrics.invalid",
            f"The {name}, of shape {array.shape}, have {array.flat[bad[0]] if array.size else None} at row {bad[0]}.",
            f"Give one finite number a bar{'' if math.isinf(least) else f', none below {least:g}'}.",
        )
    return array


def _check_together(inputs: dict[str, Any]) -> None:
    per_year, bars = inputs["periods_per_year"], inputs["returns"].size
    if per_year is not None and not (math.isfinite(per_year) and per_year > 0.0):
        raise NightdeskError("metrics.invalid", f"There are {per_year} periods a year.", "Give a positive number.")
    for name in ("positions", "traded", "benchmark"):
        if inputs[name] is not None and inputs[name].size != bars:
            raise NightdeskError(
                "metrics.invalid",
                f"The {name} have {inputs[name].size} rows, the returns {bars}.",
                "Give both on the same bars.",
            )
