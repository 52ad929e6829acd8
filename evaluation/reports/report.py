"""Writes and reads the report of one judgement: report.json, equity.parquet, report.html and the pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from pydantic import ValidationError

from config.errors import NightdeskError
from config.publish import publish_bytes, publishing
from evaluation.accounting.backtest import Backtest
from evaluation.gate import Verdict
from evaluation.labels import sentence
from evaluation.metrics.summary import UNITS
from evaluation.reports.evidence import Evidence
from evaluation.reports.figures import draw_pictures
from evaluation.reports.schema import Decision, Report, Span, Subject, Terms
from evaluation.reports.tearsheet import tearsheet
from evaluation.reports.upgrade import upgraded

REPORT, EQUITY, PAGE = "report.json", "equity.parquet", "report.html"
CHALLENGER = "challenger"


def write_report(
    folder: Path,
    *,
    subject: Mapping[str, Any],
    challenger: Backtest,
    baselines: Mapping[str, Backtest],
    verdict: Verdict,
    created_at: datetime,
    evidence: Evidence | None = None,
) -> Path:
    """Write the files of one judgement into `folder`, report.json last, and return that file's path.

    `baselines` are the backtests to show with the challenger's, by name; a champion is one of them.
    """
    tests = {CHALLENGER: challenger, **baselines}
    report = _report(Subject.model_validate(dict(subject)), tests, verdict, created_at, evidence or Evidence())
    _write_equity(folder / EQUITY, tests)
    pictures = draw_pictures(folder, report, challenger, baselines)
    publish_bytes(folder / PAGE, tearsheet(report, folder, pictures))
    written = (EQUITY, PAGE, *pictures)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in written}
    whole = report.model_copy(update={"files": files}).model_dump(mode="json")
    publish_bytes(folder / REPORT, orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    return folder / REPORT


def _report(
    subject: Subject, tests: Mapping[str, Backtest], verdict: Verdict, created_at: datetime, evidence: Evidence
) -> Report:
    challenger = tests[CHALLENGER]
    index, decided = challenger.equity.index, verdict.to_dict()
    reasons, figures = decided["reasons"], decided["figures"]
    text = sentence(verdict.verdict, reasons, figures)
    return Report(
        schema_version=3,
        created_at=created_at,
        subject=subject,
        span=Span(
            first=_label(index[0]),
            last=_label(index[-1]),
            bars=len(index),
            periods_per_year=challenger.periods_per_year,
        ),
        terms=Terms(initial_cash=challenger.initial_cash, **vars(challenger.costs)),
        units=UNITS,
        metrics={name: test.metrics() for name, test in tests.items()},
        verdict=Decision(verdict=verdict.verdict, reasons=reasons, sentence=text, figures=figures),
        evidence=evidence,
        files={},
    )


def read_report(path: Path) -> Report:
    """A report that was written by `write_report`, of this or an earlier version of the schema, checked."""
    try:
        return Report.model_validate(upgraded(orjson.loads(path.read_bytes())))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise NightdeskError(
            "report.invalid", f"{path.name} is not a report of version 1, 2 or 3: {error}.", "Evaluate the model again."
        ) from error


def _label(time: Any) -> str:
    return time.isoformat() if isinstance(time, datetime) else str(time)


def _write_equity(path: Path, tests: Mapping[str, Backtest]) -> None:
    """The equity of every account at each close, and the position of the challenger."""
    frame = pd.DataFrame({name: test.equity for name, test in tests.items()})
    with publishing(path) as temp:
        frame.assign(position=tests[CHALLENGER].positions).to_parquet(temp)
