"""Writes and reads the report on a copy: report.json, report.html and the pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import orjson
from pydantic import ValidationError

from config.errors import NightdeskError
from config.publish import publish_bytes
from evaluation import plots
from evaluation.imitation.decisions import CLASSES
from evaluation.imitation.evidence import ImitationEvidence
from evaluation.reports.imitation.answer import answer
from evaluation.reports.imitation.page import page_of
from evaluation.reports.imitation.schema import CopyReport, CopyStanding, VersionEvidence
from evaluation.reports.schema import Decision, Subject

REPORT, PAGE = "report.json", "report.html"


def write_copy_report(
    folder: Path,
    *,
    subject: Subject,
    span: tuple[datetime, datetime],
    evidence: ImitationEvidence,
    version: VersionEvidence,
    standing: CopyStanding,
    decision: Decision,
    created_at: datetime,
) -> Path:
    """Write the files of one judgement into `folder`, report.json last, and return that file's path.

    `span` are the first and the last bar of the record.
    """
    report = CopyReport(
        schema_version=1,
        kind="imitation",
        created_at=created_at,
        subject=subject,
        answer=answer(standing.standing, standing.record),
        first=span[0].isoformat(),
        last=span[1].isoformat(),
        standing=standing,
        decision=decision,
        evidence=evidence,
        version=version,
        files={},
    )
    pictures = _draw(folder, report)
    publish_bytes(folder / PAGE, page_of(report, folder, pictures))
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (PAGE, *pictures)}
    whole = report.model_copy(update={"files": files}).model_dump(mode="json")
    publish_bytes(folder / REPORT, orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    return folder / REPORT


def read_copy_report(path: Path) -> CopyReport:
    """A report that was written by `write_copy_report`, checked."""
    try:
        return CopyReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise NightdeskError(
            "report.invalid", f"{path.name} is not a report on a copy, version 1: {error}.", "Evaluate the model again."
        ) from error


def _draw(folder: Path, report: CopyReport) -> list[str]:
    """Draw every picture for which there is something to draw; their names, in the order of the page."""
    subject, evidence, version = report.subject, report.evidence, report.version
    dates = f"{report.first[:10]} to {report.last[:10]}"
    title = f"{subject.symbol}  ·  {subject.model_type} {subject.version}  ·  later markets, {dates}"
    caption = plots.Caption(title, subject.provenance)
    draw: dict[str, Callable[[Path], None]] = {
        "replication.png": lambda path: plots.draw_replication(path, caption, evidence.replication),
        "confusion.png": lambda path: plots.draw_confusion(
            path, caption, np.array(evidence.confusion), CLASSES, teacher="trader", what="Decisions"
        ),
        "calibration.png": lambda path: plots.draw_calibration(path, caption, evidence.calibration),
        "persistence.png": lambda path: plots.draw_persistence(path, caption, evidence.ages),
        "hours.png": lambda path: plots.draw_hours(path, caption, evidence.hours),
    }
    if (targets := evidence.targets) is not None:
        draw["targets.png"] = lambda path: plots.draw_targets(path, caption, targets)
    if (attention := version.attention) is not None:
        draw["attention.png"] = lambda path: plots.draw_attention(path, caption, attention)
    if (importance := version.feature_importance) is not None:
        draw["features.png"] = lambda path: plots.draw_importance(
            path, caption, importance.features, importance.measure
        )
    for name, draw_into in draw.items():
        draw_into(folder / name)
    return list(draw)
