"""The files of a run: its log and its reports, by name and never outside the home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from config.errors import NightdeskError, UsageError
from config.names import safe_name
from config.paths import Home
from daemon.api import answers
from daemon.domain.runs import Run

# The newest part of a log that is worth sending.
TAIL = 512 * 1024
REPORT_TYPES = {".html": "text/html", ".json": "application/json", ".png": "image/png"}
# A report's page holds its style and its pictures, and runs nothing.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"


def report(home: Home, run: str, path: str) -> Path:
    """The file `path` of the results of `run`; one error whether it is missing or not allowed."""
    try:
        file = home.result(run).joinpath(*(safe_name("part of the path", part) for part in path.split("/")))
    except UsageError as error:
        raise _no_report() from error
    inside = file.resolve().is_relative_to(home.results.resolve())
    if not inside or file.suffix not in REPORT_TYPES or not file.is_file():
        raise _no_report()
    return file


def _no_report() -> NightdeskError:
    return NightdeskError(
        "report.unknown", "There is no such report.", "See /api/v1/models for the reports that there are."
    )


def run_log(home: Home, run: Run, limit: int) -> answers.RunLog:
    """The newest `limit` lines of a run's log."""
    text, truncated = _tail(home.run_log(run.name))
    lines = [line for line in map(_line, text.splitlines()) if line is not None]
    return answers.RunLog(run=run.id, lines=lines[-limit:], truncated=truncated or len(lines) > limit)


def _tail(path: Path) -> tuple[str, bool]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            return file.read(TAIL).decode("utf-8", "replace"), size > TAIL
    except FileNotFoundError:
        return "", False  # a run that has logged nothing yet


def _line(text: str) -> dict[str, Any] | None:
    """A line as the object that it is; None for one that is cut at either end, or still being written."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
