"""The addresses of datasets: where each came from, how healthy it is, and how to record those made outside the desk."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse
from sqlalchemy import Connection

from config.errors import NightdeskError
from daemon.api import answers, views
from daemon.api.problems import NOT_FOUND, REFUSALS, WRITES, unknown
from daemon.api.view import DeskView
from daemon.domain.targets import targets
from daemon.jobs.data_update.messages import TableFacts
from daemon.jobs.data_update.table_record import record_table
from daemon.store import datasets, versions

Id = Annotated[str, Path(pattern="^[0-9a-f]{6,64}$", description="The id of a dataset, or its first characters.")]
MAX_LOGS = 100  # in one answer
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
    **NOT_FOUND,
}


def datasets_of(desk: DeskView) -> APIRouter:
    """Every dataset."""
    routes = APIRouter(prefix="/datasets", tags=["ledgers"], responses=REFUSALS)

    @routes.get("/{dataset}", responses=NOT_FOUND)
    def get_dataset(dataset: Id) -> answers.Lineage:
        """A dataset, what it was made of, what took its place, and the models trained on it."""
        lineage = desk.database.read(lambda c: _lineage(c, desk, dataset))
        if lineage is None:
            raise _no_dataset(dataset)
        return lineage

    @routes.get("/{dataset}/health.png", response_class=FileResponse, responses=PICTURE)
    def get_health(dataset: Id) -> FileResponse:
        """The health of the newest bars of a symbol, session by session, as a picture."""
        row = desk.database.read(lambda c: next((r for r in datasets.latest(c) if r.dataset.startswith(dataset)), None))
        if row is None or row.kind != "bars":
            raise _no_dataset(dataset)
        picture = desk.home.health(row.source, row.symbol, row.interval)
        if not picture.is_file():
            raise unknown("picture", f"The health of {row.symbol} has not been drawn yet.", "`nightdesk data show`")
        return FileResponse(picture, media_type="image/png", headers={"Cache-Control": "private, no-cache"})

    @routes.post("", responses=WRITES)
    def record_table(table: answers.TableRecord) -> answers.Lineage:
        """Record a table that `nightdesk data --trades` has made of a trader's logs."""
        now = desk.clock.now()
        desk.database.write(lambda c: record(c, table, now))
        return get_dataset(table.dataset)

    return routes


def record(c: Connection, table: answers.TableRecord, now: datetime) -> None:
    """Record a trader's table and the logs that it was made of."""
    fields = {name: getattr(table, name) for name in TableFacts.model_fields if hasattr(table, name)}
    logs = {"logs": table.logs.dataset, "place": table.logs.place, "files": table.logs.files}
    record_table(c, TableFacts(**{**fields, **logs}), now)


def _lineage(c: Connection, desk: DeskView, dataset: str) -> answers.Lineage | None:
    row = datasets.find(c, dataset)
    if row is None:
        return None
    newer = datasets.successor(c, row)
    source = datasets.find(c, row.detail["made_of"]) if "made_of" in row.detail else None
    home, configured = desk.home, set(targets(desk.settings, desk.home))
    listed = home.log_list(row.dataset)
    return answers.Lineage(
        dataset=views.dataset(row, desk),
        replaced_by=views.dataset(newer, desk) if newer else None,
        source_logs=views.dataset(source, desk) if source else None,
        parameters=row.detail.get("parameters", {}),
        logs=_first_logs(listed),
        logs_file=home.relative(listed) if listed.is_file() else None,
        models=[views.version(version, configured) for version in versions.versions(c, dataset=row.dataset)],
    )


def _first_logs(listed: FilePath) -> list[answers.Log]:
    """The first of the logs that a file lists, if it is there."""
    try:
        with listed.open("rb") as lines:
            return [answers.Log.model_validate_json(line) for line in islice(lines, MAX_LOGS)]
    except FileNotFoundError:
        return []


def _no_dataset(dataset: str) -> NightdeskError:
    return unknown("dataset", f"There is no one dataset {dataset}.", "`nightdesk data show SYMBOL` or /api/v1/status")
