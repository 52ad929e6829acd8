"""Labels: the texts for metrics, verdicts and reasons on pages and in the command line. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

# Every metric under the heading where a reader looks for it.
METRICS: dict[str, dict[str, str]] = {
    "Return": {
        "total_return": "Total return",
        "annualised_return": "Mean return, by the year",
        "cagr": "Compound growth, by the year",
    },
    "Risk": {
        "volatility": "Volatility, by the year",
        "downside_deviation": "Downside deviation, by the year",
        "max_drawdown": "Deepest drawdown",
        "max_drawdown_start": "\u2026 from its peak on",
        "max_drawdown_trough": "\u2026 at its lowest on",
        "max_drawdown_recovery": "\u2026 recovered on",
        "average_drawdown": "Average drawdown",
        "var_5": "Value at risk, 5 % of bars",
        "cvar_5": "Mean of these 5 %",
    },
    "Return for risk": {
        "sharpe_ratio": "Sharpe ratio",
        "sortino_ratio": "Sortino ratio",
        "calmar_ratio": "Calmar ratio",
        "omega_ratio": "Omega ratio",
        "information_ratio": "Information ratio to buy and hold",
    },
    "Trading": {
        "trades": "Completed trades",
        "win_rate": "Won",
        "profit_factor": "Profit factor",
        "expectancy": "Mean trade",
        "best_trade": "Best trade",
        "worst_trade": "Worst trade",
        "open_trade": "Open trade, so far",
        "average_duration": "Mean duration",
        "turnover": "Turnover",
        "exposure": "Bars with something held",
    },
}
LABELS = {name: label for group in METRICS.values() for name, label in group.items()}
UNITS = {"percent": "%", "ratio": "", "trades": "", "time": "", "times a year": "times a year", "bars": "bars"}
_DIGITS = {"percent": 1, "ratio": 2, "bars": 1, "times a year": 1}

# Why a figure is undefined.
UNDEFINED = {
    "too_short": "too few bars",
    "too_large": "beyond all bounds",
    "zero_variance": "it never moved",
    "no_losses": "nothing was lost",
    "no_drawdown": "it never fell",
    "not_recovered": "not yet",
    "no_trades": "no trades",
    "nothing_open": "nothing is held",
    "no_positions": "no positions",
    "no_benchmark": "nothing to compare with",
    "unknown_period": "bars without a calendar",
    "no_edge": "nothing was earned",
    "ruined": "the account was ruined",
    "no_reference": "trained before this was recorded",
    "no_expert": "no expert's log of these bars",
    "no_features": "no features",
    "many_symbols": "measured of one symbol only",
    "too_few_bars": "too few bars",
    "too_few_decisions": "too few decisions",
    "not_told": "its model type reports none",
    "not_looked_at": "not looked at",
    "only_one": "there is only one model",
    "alike": "all models decide alike",
    "no_variation": "nothing to shuffle",
    "scattered": "its bars lie apart",
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
    "deflated_sharpe": "among so many that were tried, its Sharpe ratio may be luck",
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
    "random": "random, as often",
    "last_action": "a bar late",
    "low_vol": "low volatility",
    "normal": "normal volatility",
    "high_vol": "high volatility",
}


def plain(name: str) -> str:
    """A name from code as people write it."""
    return NAMES.get(name) or name.replace("_", " ")


def count(number: int, thing: str) -> str:
    """A number with its noun."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_number(value: float | None, form: str = ",.2f", unit: str = "") -> str:
    """A number as text, or `undefined` for None."""
    return "undefined" if value is None else f"{value:{form}}{unit}".replace("-", MINUS)


def figure(value: Any, unit: str) -> str:
    """A figure of a report without its unit, as people read it."""
    if value is None:
        return MISSING
    if unit == "time":
        return str(value)[:10]
    return format_number(value, f",.{_DIGITS[unit]}f") if unit in _DIGITS else f"{value:,}"


def undefined(code: str) -> str:
    """Why there is no figure."""
    return UNDEFINED.get(code) or code.replace("_", " ")


def why(code: str, outcome: str) -> str:
    """The reason of a verdict, in words."""
    text = VERDICTS.get(code, code.replace("_", " "))
    return text if isinstance(text, str) else text.get(outcome, code.replace("_", " "))


def sentence(outcome: str, reasons: Sequence[str], figures: Mapping[str, Any]) -> str:
    """A verdict in one sentence: the opponent, the reasons, and the Sharpe ratios."""
    beaten = figures.get("rival", "champion" if "champion" in figures else "cash")
    rival = "the champion" if beaten == "champion" else "cash"
    because = ", and ".join(why(code, outcome) for code in reasons)
    return f"{HEADS[outcome].format(rival)}: {because}{_sharpes(figures, beaten)}."


def _sharpes(figures: Mapping[str, Any], rival: str) -> str:
    ours, theirs = (figures.get(side, {}).get("sharpe_ratio") for side in ("challenger", rival))
    if ours is None:
        return ""
    against = f" against {format_number(theirs)}" if theirs is not None else ""
    sure = (figures.get("sharpe_difference") or {}).get("confidence")
    surely = f", higher with a confidence of {sure:.0%}" if sure is not None else ""
    return f" (Sharpe ratio {format_number(ours)}{against}{surely})"
