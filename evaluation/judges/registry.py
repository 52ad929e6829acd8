"""Every judge by its name; one is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from config.errors import UsageError
from evaluation.judges.base import Judge

_REGISTERED = {
    "backtest": "evaluation.judges.backtest:BacktestJudge",
    "imitation": "evaluation.judges.imitation:ImitationJudge",
    "portfolio": "evaluation.judges.portfolio:PortfolioJudge",
}


def names() -> list[str]:
    """The registered judges, in alphabetical order."""
    return sorted(_REGISTERED)


def get(name: str) -> Judge[Any]:
    """The judge called `name`."""
    if name not in _REGISTERED:
        raise UsageError("judge.unknown", f"There is no judge {name!r}.", f"Name one of: {', '.join(names())}.")
    module, _, attribute = _REGISTERED[name].partition(":")
    return cast("Judge[Any]", getattr(import_module(module), attribute)())
