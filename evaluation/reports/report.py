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
from evaluation.metrics.summary import UNITS
from evaluation.reports.evidence import Evidence
from evaluation.reports.figures import draw_pictures
from evaluation.reports.schema import Decision, Report, Span, StandingPart, Subject, Terms
from evaluation.reports.tearsheet import tearsheet

REPORT, EQUITY, PAGE = "report.json", "equity.parquet", "report.html"
MODEL = "model"


def write_report(
    folder: Path,
    *,
    subject: Mapping[str, Any],
    model: Backtest,
    baselines: Mapping[str, Backtest],
    decision: Decision,
    standing: StandingPart,
    created_at: datetime,
    evidence: Evidence | None = None,
) -> Path:
    """Write the files of one judgement into `folder`, report.json last, and return that file's path.

    `model` is the account of the record; `baselines` are the backtests to show with it, by name; a champion is one.
    """
    tests = {MODEL: model, **baselines}
    index = model.equity.index
    report = Report(
        schema_version=3,
        created_at=created_at,
        subject=Subject.model_validate(dict(subject)),
        span=Span(
            first=_label(index[0]), last=_label(index[-1]), bars=len(index), periods_per_year=model.periods_per_year
        ),
        terms=Terms(initial_cash=model.initial_cash, **vars(model.costs)),
        units=UNITS,
        metrics={name: test.metrics() for name, test in tests.items()},
        standing=standing,
        decision=decision,
        evidence=evidence or Evidence(),
        files={},
    )
    _write_equity(folder / EQUITY, tests)
    pictures = draw_pictures(folder, report, model, baselines)
    publish_bytes(folder / PAGE, tearsheet(report, folder, pictures))
    written = (EQUITY, PAGE, *pictures)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in written}
    whole = report.model_copy(update={"files": files}).model_dump(mode="json")
    publish_bytes(folder / REPORT, orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    return folder / REPORT


def read_report(path: Path) -> Report:
    """A report that was written by `write_report`, checked; earlier versions of the schema have no record."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise NightdeskError(
            "report.invalid", f"{path.name} is not a report of version 3: {error}.", "Evaluate the model again."
        ) from error


def _label(time: Any) -> str:
    return time.isoformat() if isinstance(time, datetime) else str(time)


def _write_equity(path: Path, tests: Mapping[str, Backtest]) -> None:
    """The equity of every account at each close, and the position of the model."""
    frame = pd.DataFrame({name: test.equity for name, test in tests.items()})
    with publishing(path) as temp:
        frame.assign(position=tests[MODEL].positions).to_parquet(temp)
