"""Labels of metrics, verdicts and reasons, for pages and the command line. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
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
    "small_in_training": "its positions were smaller in training",
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
    "not_settled": "no market is settled",
    "no_account": "a copy of decisions has no account",
    "no_controls": "its training measured none",
    "no_attention": "its model type attends to nothing",
    "ignores_target": "it decides the same whatever return is asked for",
    "always_profitable": "it earns at a hundred times these costs",
}
# Why a version took the place it asked for, or did not.
REASONS: dict[str, str] = {
    "first": "nothing served here, and its recipe is not refuted",
    "refresh": "it is its champion on newer data, and decides as that does",
    "refresh_unrehearsed": "it is its champion on newer data; how much a retraining changes was not rehearsed yet",
    "surely_better": "its record is surely better than that of the recipe which served",
    "not_surely_better": "its record is not surely better than that of the recipe which serves",
    "inputs_differ": "its inputs are not those of its champion",
    "inputs_frozen": "some of its inputs stand still",
    "discontinuous": "it decides too unlike its champion",
    "refuted": "its recipe is refuted",
    "unproven": "its recipe is not proven, and only proven ones serve here",
    "serves": "it serves",
    "leak": "it used the future (look-ahead)",
    "no_audit": "it was not checked for look-ahead",
    "no_reference": "what its features were in training was not recorded, so their drift cannot be measured",
    "provenance": "it learned from a made-up expert, and the champion from a real one",
    "pinned": "a person pinned the version that serves",
}
OUTCOMES = {"takes_over": "Takes over", "held_back": "Held back", "refused": "Does not serve", "measured": "Measured"}
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


def why(code: str) -> str:
    """A reason in words."""
    return REASONS.get(code, plain(code))


def decision_sentence(outcome: str, reasons: Sequence[str], note: str = "") -> str:
    """What became of a version, in one sentence."""
    because = ", and ".join(why(code) for code in reasons)
    return f"{OUTCOMES.get(outcome, plain(outcome))}: {because}{f' ({note})' if note else ''}."
