"""Labels of metrics, verdicts and reasons, for pages and the command line. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

# Every metric under the heading where a reader looks for it.
METRICS: dict[str, dict[str, str]] = {
    "Return": {
        "total_return": "Total return",
        "annualised_return": "Mean return, annualised",
        "cagr": "Compound annual growth (CAGR)",
    },
    "Risk": {
        "volatility": "Volatility, annualised",
        "downside_deviation": "Downside deviation, annualised",
        "max_drawdown": "Maximum drawdown",
        "max_drawdown_start": "\u2026 peak on",
        "max_drawdown_trough": "\u2026 trough on",
        "max_drawdown_recovery": "\u2026 recovered on",
        "average_drawdown": "Average drawdown",
        "var_5": "Value at risk, 5 % of bars",
        "cvar_5": "Expected shortfall, 5 % of bars",
    },
    "Risk-adjusted return": {
        "sharpe_ratio": "Sharpe ratio",
        "sortino_ratio": "Sortino ratio",
        "calmar_ratio": "Calmar ratio",
        "omega_ratio": "Omega ratio",
        "information_ratio": "Information ratio against buy and hold",
    },
    "Trading": {
        "trades": "Completed trades",
        "win_rate": "Win rate",
        "profit_factor": "Profit factor",
        "expectancy": "Mean return of a trade",
        "best_trade": "Best trade",
        "worst_trade": "Worst trade",
        "open_trade": "Open trade, so far",
        "average_duration": "Mean holding period",
        "turnover": "Turnover",
        "exposure": "Exposure, share of bars",
    },
}
LABELS = {name: label for group in METRICS.values() for name, label in group.items()}
UNITS = {"percent": "%", "ratio": "", "trades": "", "time": "", "times a year": "times a year", "bars": "bars"}
_DIGITS = {"percent": 1, "ratio": 2, "bars": 1, "times a year": 1}

# Why a figure is undefined.
UNDEFINED = {
    "too_short": "too few bars",
    "too_large": "too large to compute",
    "zero_variance": "no variance",
    "no_losses": "no losses",
    "no_drawdown": "no drawdown",
    "not_recovered": "not yet",
    "no_trades": "no trades",
    "nothing_open": "no open trade",
    "no_positions": "no positions",
    "no_benchmark": "no benchmark",
    "unknown_period": "bars a year unknown",
    "no_edge": "no gain",
    "ruined": "the account was ruined",
    "no_reference": "trained before this was recorded",
    "no_expert": "no expert's log of these bars",
    "no_features": "no features",
    "many_symbols": "measured of one symbol only",
    "too_few_bars": "too few bars",
    "too_few_decisions": "too few decisions",
    "not_reported": "its model type reports none",
    "not_measured": "not measured",
    "only_one": "there is only one model",
    "alike": "all models have the same returns",
    "no_variation": "its positions never change",
    "scattered": "its bars are not contiguous",
    "costs_too_high": "costs above 100 %",
    "no_costs": "trading is free here",
    "never_profitable": "it loses even where trading is free",
    "always_profitable": "it earns at a hundred times these costs",
}
# Why a verdict is what it is; by outcome where the same code says either.
VERDICTS: dict[str, str | dict[str, str]] = {
    "sharpe_diff": {
        "better": "it earned clearly more for the risk it took",
        "worse": "it earned less for the risk it took",
        "inconclusive": "it did not earn clearly more for the risk it took",
    },
    "total_return": "it earned no more than cash",
    "drawdown": "it fell deeper",
    "too_few_trades": "it completed too few trades to tell",
    "deflated_sharpe": "given the number of trials, its Sharpe ratio may be due to chance",
    "undefined": "figures that the judgement needs cannot be computed",
    "drift": "its inputs are no longer what it was trained on",
    "leak": "it used the future (look-ahead)",
    "no_audit": "it was not checked for look-ahead",
    "no_reference": "what its features were in training was not recorded, so their drift cannot be measured",
    "provenance": "it learned from a made-up expert, and the champion from a real one",
}
HEADS = {"better": "Better than {}", "worse": "Worse than {}", "inconclusive": "Not shown to be better than {}"}
NAMES = {
    "challenger": "model",
    "flat": "cash",
    "random": "random trader",
    "last_action": "one bar delayed",
    "low_vol": "low volatility",
    "normal": "normal volatility",
    "high_vol": "high volatility",
}


def plain(name: str) -> str:
    """A name of the code as readable text."""
    return NAMES.get(name) or name.replace("_", " ")


def count(number: int, thing: str) -> str:
    """A number with its noun, in the plural where that is needed."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_number(value: float | None, form: str = ",.2f", unit: str = "") -> str:
    """A number as text, or `undefined` for None."""
    return "undefined" if value is None else f"{value:{form}}{unit}".replace("-", MINUS)


def figure(value: Any, unit: str) -> str:
    """A figure of a report as text, without its unit."""
    if value is None:
        return MISSING
    if unit == "time":
        return str(value)[:10]
    return format_number(value, f",.{_DIGITS[unit]}f") if unit in _DIGITS else f"{value:,}"


def undefined(code: str) -> str:
    """The reason why a figure is undefined, as text."""
    return UNDEFINED.get(code) or code.replace("_", " ")


def verdict_reason(code: str, outcome: str) -> str:
    """The reason of a verdict, as text."""
    text = VERDICTS.get(code, code.replace("_", " "))
    return text if isinstance(text, str) else text.get(outcome, code.replace("_", " "))


def sentence(outcome: str, reasons: Sequence[str], figures: Mapping[str, Any]) -> str:
    """A verdict in one sentence: the opponent, the reasons, and the Sharpe ratios."""
    opponent = figures.get("rival", "champion" if "champion" in figures else "cash")
    name = "the champion" if opponent == "champion" else "cash"
    reason = ", and ".join(verdict_reason(code, outcome) for code in reasons)
    return f"{HEADS[outcome].format(name)}: {reason}{_sharpe_ratios(figures, opponent)}."


def _sharpe_ratios(figures: Mapping[str, Any], opponent: str) -> str:
    ratio, other_ratio = (figures.get(name, {}).get("sharpe_ratio") for name in ("challenger", opponent))
    if ratio is None:
        return ""
    against = f" against {format_number(other_ratio)}" if other_ratio is not None else ""
    confidence = (figures.get("sharpe_difference") or {}).get("confidence")
    higher = f", higher with a confidence of {confidence:.0%}" if confidence is not None else ""
    return f" (Sharpe ratio {format_number(ratio)}{against}{higher})"
