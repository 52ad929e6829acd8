"""Model comparison: every model of a symbol over the same bars, and which of those that serve is recommended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.provenance import Provenance
from evaluation import plots
from evaluation.accounting.backtest import Backtest
from evaluation.labels import format_number
from evaluation.metrics.formulas import UndefinedError
from evaluation.records.standing import Standing
from evaluation.reports.comparison_page import COLUMNS, comparison_page, display_name, title
from evaluation.reports.comparison_schema import Comparison, Row, State, SymbolComparison
from evaluation.statistics.overfitting import Overfitting, overfitting

COMPARISON, PAGE, PICTURE = "model_comparison.json", "model_comparison.html", "risk_return.png"
FIGURES = (*COLUMNS, "annualised_return", "cagr", "sortino_ratio", "calmar_ratio", "turnover")


@dataclass(frozen=True)
class ComparedVersion:
    """One version of a model type, its state, and what the evidence says of its recipe."""

    model_type: str
    version: str
    state: State
    standing: Standing = "unproven"
    sentence: str = ""

    @property
    def name(self) -> str:
        """Its name among the models of its symbol."""
        return f"{self.model_type} {self.version}"


def compare(
    symbol: str,
    provenance: Provenance,
    models: Mapping[ComparedVersion, Backtest],
    baselines: Mapping[str, Backtest],
    *,
    left_out: Mapping[str, str] | None = None,
) -> SymbolComparison:
    """Compare every model and baseline over the same bars; of those that serve, the one with the best record is named.

    `left_out` are models that could not be compared, with the reason.
    """
    if not models:
        missing = "".join(f" {name}: {reason}" for name, reason in (left_out or {}).items())
        raise NightdeskError("comparison.nothing", f"{symbol} has no model that can be run.{missing}", "Train one.")
    index = next(iter(models.values())).equity.index
    rows = [_row(version.name, test, version) for version, test in models.items()]
    recommended, recommendation = _recommend(models, baselines)
    overfit, undefined_reason = _overfitting(models.values())
    return SymbolComparison(
        symbol=symbol,
        provenance=provenance,
        first=_label(index[0]),
        last=_label(index[-1]),
        bars=len(index),
        rows=sorted(rows, key=_rank) + [_row(name, test) for name, test in baselines.items()],
        recommended=recommended.name if recommended is not None else None,
        recommendation=recommendation,
        overfitting=overfit,
        overfitting_reason=undefined_reason,
        left_out=dict(left_out or {}),
    )


def write_comparison(folder: Path, symbols: Sequence[SymbolComparison], created_at: datetime) -> Path:
    """Write the comparison of these symbols into `folder` for programs and for people; return the JSON's path."""
    comparison = Comparison(created_at=created_at, symbols=list(symbols))
    _draw(folder / PICTURE, comparison.symbols)
    publish_bytes(folder / PAGE, comparison_page(comparison, folder / PICTURE))
    document = orjson.dumps(comparison.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
    publish_bytes(folder / COMPARISON, document)
    return folder / COMPARISON


def read_comparison(path: Path) -> Comparison:
    """A comparison that was written by `write_comparison`, checked."""
    try:
        return Comparison.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise NightdeskError(
            "comparison.invalid", f"{path.name} is no comparison of version 2: {error}.", "Evaluate the models again."
        ) from error


def _row(name: str, test: Backtest, version: ComparedVersion | None = None) -> Row:
    metrics = test.metrics()
    return Row(
        name=name,
        model_type=version.model_type if version else None,
        version=version.version if version else None,
        state=version.state if version else "baseline",
        standing=version.standing if version else None,
        figures={figure: metrics[figure] for figure in FIGURES},
        reasons={figure: metrics["reasons"][figure] for figure in FIGURES if metrics[figure] is None},
    )


def _overfitting(tests: Collection[Backtest]) -> tuple[Overfitting | None, str | None]:
    """The overfitting of selecting the best of them; None with a reason for a single one, equal ones, or few bars."""
    returns = np.unique(np.column_stack([test.excess.to_numpy() for test in tests]), axis=1)
    if returns.shape[1] < 2:
        return None, "only_one" if len(tests) == 1 else "alike"
    try:
        return overfitting(returns), None
    except UndefinedError as undefined:
        return None, undefined.reason


def _rank(row: Row) -> tuple[bool, float]:
    ratio = row.figures["sharpe_ratio"]
    return ratio is None, -(ratio or 0.0)


def _sharpe(test: Backtest) -> float | None:
    ratio: float | None = test.metrics()["sharpe_ratio"]
    return ratio


def _recommend(
    models: Mapping[ComparedVersion, Backtest], baselines: Mapping[str, Backtest]
) -> tuple[ComparedVersion | None, str]:
    """The best of those that serve: a proven one first, then by Sharpe ratio; None where nothing serves."""
    serving = [version for version in models if version.state == "champion"]
    if not serving:
        return None, "Nothing serves, so stay in cash."
    best = max(serving, key=lambda version: (version.standing == "proven", _sharpe(models[version]) or 0.0))
    if best.standing == "proven":
        return (
            best,
            f"Rely on {best.name}, which is proven. {best.sentence}{_buy_and_hold_warning(models[best], baselines)}",
        )
    return best, (
        f"Nothing that serves is proven; of it, {best.name} has the best record. "
        f"{best.sentence}{_buy_and_hold_warning(models[best], baselines)}"
    )


def _buy_and_hold_warning(test: Backtest, baselines: Mapping[str, Backtest]) -> str:
    """A warning where buying and holding has the higher Sharpe ratio."""
    buy_and_hold = _sharpe(baselines["buy_and_hold"]) if "buy_and_hold" in baselines else None
    ratio = _sharpe(test)
    if buy_and_hold is None or ratio is None or buy_and_hold <= ratio:
        return ""
    ratios = f"{format_number(buy_and_hold)} against {format_number(ratio)}"
    return f" Buying and holding earned more for its risk (Sharpe ratio {ratios})."


def _label(time: Any) -> str:
    return time.isoformat() if isinstance(time, datetime) else str(time)


def _draw(path: Path, symbols: Sequence[SymbolComparison]) -> None:
    """A point for each model and baseline; for many symbols only the models, named with their symbol."""
    single, points, without_figures = len(symbols) == 1, {}, 0
    for symbol in symbols:
        for row in symbol.rows:
            risk, earned = row.figures["volatility"], row.figures["annualised_return"]
            if row.state == "baseline" and not single:
                continue
            if risk is None or earned is None:
                without_figures += 1
                continue
            kind = row.state if row.state in ("champion", "baseline") else "model"
            points[display_name(row) if single else f"{symbol.symbol} {display_name(row)}"] = plots.Risk(
                risk, earned, kind
            )
    provenance = Provenance.joint(symbol.provenance for symbol in symbols)
    plots.draw_risk_return(path, plots.Caption(title(symbols), provenance), points, without_figures)
