"""Reports on a terminal: verdicts and recommendations in words, and of one model every figure beside the others."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import typer

from config.paths import Home
from daemon.cli.output import table
from evaluation.labels import METRICS, UNITS, figure, plain, undefined, why

VERDICT = {
    "sharpe": "sharpe_ratio",
    "return %": "total_return",
    "drawdown %": "max_drawdown",
    "trades": "trades",
}


def show_evaluation(home: Home, detail: dict[str, Any]) -> None:
    """What a run of evaluation found; a single verdict with its whole report, many in one table."""
    verdicts, recommendations = detail["verdicts"], detail.get("recommendations", {})
    rows = [
        [who, told["verdict"], _because(told), told["serves"], *(told.get(key) for key in VERDICT.values())]
        for who, told in verdicts.items()
    ]
    table("Verdicts", ["model", "verdict", "because", "serves", *VERDICT], rows)
    if len(verdicts) == 1:
        for who, told in verdicts.items():
            _show_report(home, who, told)
    for symbol, found in recommendations.items():
        typer.echo(f"{symbol}: {found['recommendation']}")
    pages = {who: f"{told['report']}/report.html" for who, told in verdicts.items()}
    pages |= {
        f"Models of {symbol}": f"{found['report']}/model_comparison.html" for symbol, found in recommendations.items()
    }
    if len(recommendations) > 1:
        joint = PurePosixPath(next(iter(recommendations.values()))["report"]).parent
        pages["All models"] = f"{joint}/model_comparison.html"
    for about, page in pages.items():
        typer.echo(f"{about}: {page}")


def _because(told: dict[str, Any]) -> str:
    return ", ".join(why(code, told["verdict"]) for code in told["reasons"])


def _show_report(home: Home, who: str, told: dict[str, Any]) -> None:
    file = home.root / told["report"] / "report.json"
    if not file.is_file():
        return
    report = json.loads(file.read_bytes())
    sides, units = report["metrics"], report["units"]
    typer.echo()
    typer.echo(f"{who} on {report['span']['bars']} unseen bars. {report['verdict']['sentence']}")
    rows = [
        [label, UNITS[units[name]], *(_cell(side, name, units[name]) for side in sides.values())]
        for group in METRICS.values()
        for name, label in group.items()
    ]
    table("Figures", ["", "unit", *map(plain, sides)], rows)
    typer.echo()


def _cell(metrics: dict[str, Any], name: str, unit: str) -> str:
    value = metrics[name]
    return figure(value, unit) if value is not None else undefined(metrics["reasons"][name])
