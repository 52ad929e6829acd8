"""Reports on a terminal: standings and recommendations, and of a single model every metric with its benchmarks."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import typer

from config.paths import Home
from daemon.cli.output import table
from data_pipeline.provenance import Provenance
from evaluation.imitation.figures import BASELINES
from evaluation.labels import METRICS, UNITS, decision_sentence, figure, format_number, plain, undefined

# Of an account; a copy of a trader has none, and its own figures.
VERDICT = {
    "sharpe": "sharpe_ratio",
    "return %": "total_return",
    "drawdown %": "max_drawdown",
    "trades": "trades",
}
COPY = {"copied %": "copied", "more than rules": "gain"}


def show_evaluation(home: Home, detail: dict[str, Any]) -> None:
    """The standings of a run of evaluation in one table; a single model with its whole report."""
    verdicts, recommendations = detail["verdicts"], detail.get("recommendations", {})
    columns = VERDICT | (COPY if any(verdict.get("copied") is not None for verdict in verdicts.values()) else {})
    rows = [
        [model, verdict["standing"], verdict["serves"], *(verdict.get(key) for key in columns.values())]
        for model, verdict in verdicts.items()
    ]
    table("Records", ["model", "standing", "serves", *columns], rows)
    for model, verdict in verdicts.items():
        because = decision_sentence(verdict["verdict"], verdict["reasons"], verdict.get("note", ""))
        typer.echo(f"{model}: {verdict['sentence']} {because}")
    for stopped in detail.get("stopped", ()):
        typer.echo(stopped)
    if len(verdicts) == 1:
        for model, verdict in verdicts.items():
            _show_report(home, model, verdict)
    for symbol, comparison in recommendations.items():
        typer.echo(f"{symbol}: {comparison['recommendation']}")
    pages = {model: f"{verdict['report']}/report.html" for model, verdict in verdicts.items()}
    pages |= {
        f"Models of {symbol}": f"{comparison['report']}/model_comparison.html"
        for symbol, comparison in recommendations.items()
    }
    if len(recommendations) > 1:
        joint = PurePosixPath(next(iter(recommendations.values()))["report"]).parent
        pages["All models"] = f"{joint}/model_comparison.html"
    for title, page in pages.items():
        typer.echo(f"{title}: {page}")


def _show_report(home: Home, model: str, verdict: dict[str, Any]) -> None:
    file = home.root / verdict["report"] / "report.json"
    if not file.is_file():
        return
    report = json.loads(file.read_bytes())
    if report.get("kind") == "imitation":
        _show_copy(model, report)
        return
    sides, units = report["metrics"], report["units"]
    typer.echo()
    standing = report["standing"]
    typer.echo(f"{model} on a record of {report['span']['bars']} bars: {standing['standing']}. {standing['sentence']}")
    if warning := Provenance.parse(report["subject"]["provenance"]).warning:
        typer.echo(warning)
    if sentence := (report["evidence"].get("learned") or {}).get("sentence"):
        typer.echo(sentence)
    if reason := (report["evidence"].get("model_selection") or {}).get("learned_reason"):
        typer.echo(reason)
    rows = [
        [label, UNITS[units[name]], *(_cell(side, name, units[name]) for side in sides.values())]
        for group in METRICS.values()
        for name, label in group.items()
    ]
    table("Figures", ["", "unit", *map(plain, sides)], rows)
    typer.echo()


def _show_copy(model: str, report: dict[str, Any]) -> None:
    """The answer of a report on a copy of a trader, and how the model compares with rules without learning."""
    typer.echo()
    typer.echo(f"{model}: can this trader be copied? {report['answer']}")
    if warning := Provenance.parse(report["subject"]["provenance"]).warning:
        typer.echo(warning)
    rows = [
        [BASELINES.get(row["name"], row["name"]), _interval(row["accuracy"]), _interval(row["balanced_accuracy"])]
        for row in report["evidence"]["rows"]
    ]
    table("Decisions of later markets", ["", "copied %", "balanced %"], rows)
    typer.echo()


def _interval(interval: dict[str, float | None]) -> str:
    estimate, low, high = (interval[name] for name in ("estimate", "low", "high"))
    bounds = f" ({format_number(low, '.1f')} to {format_number(high, '.1f')})" if low is not None else ""
    return f"{format_number(estimate, '.1f')}{bounds}"


def _cell(metrics: dict[str, Any], name: str, unit: str) -> str:
    value = metrics[name]
    return figure(value, unit) if value is not None else undefined(metrics["reasons"][name])
