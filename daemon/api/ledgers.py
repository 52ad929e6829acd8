"""The routes of what was recorded: signals, runs, models, alerts, and the reports that runs have written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Connection

from config.settings import JobName
from daemon.alerts import dead_letters
from daemon.api import answers, files, views
from daemon.api.guard import POLICY
from daemon.api.missing import missing_signals
from daemon.api.problems import NOT_FOUND, REFUSALS, WRITES, Problem, unknown
from daemon.api.status import record_list, version_notes
from daemon.api.target_signals import accepted
from daemon.api.view import DeskView
from daemon.domain.alert_engine import AlertState
from daemon.domain.runs import Run, RunState
from daemon.domain.signals import target_name
from daemon.domain.targets import targets
from daemon.store import alerts, evaluations, retrainings, runs, servings, signals, tasks, versions
from daemon.store.versions import VersionState

Cursor = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
# The name of a subject, a symbol or a market; any other text is refused.
NAME = r"^[A-Za-z0-9^][A-Za-z0-9.^=:_-]{0,95}$"
TargetReturn = Annotated[
    float | None,
    Query(ge=-1.0, le=100.0, allow_inf_nan=False, description="The return to the end of the market, such as 0.02."),
]
Subject = Annotated[str | None, Query(pattern=NAME, examples=["AAPL", "universe", "trader:0x6031"])]
ModelType = Annotated[str | None, Query(pattern=NAME, examples=["behavioral_cloner"])]
SubjectOrSymbol = Annotated[str, Path(pattern=NAME, examples=["AAPL", "universe", "trader:0x6031"])]
REPORTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in files.REPORT_TYPES.values()}
    },
    **NOT_FOUND,
}


class _Numbered(Protocol):
    @property
    def id(self) -> int | None: ...


Row = TypeVar("Row", bound=_Numbered)


def _routes() -> APIRouter:
    return APIRouter(tags=["ledgers"], responses=REFUSALS)


def signal_ledger(desk: DeskView) -> APIRouter:
    """Every signal that was published."""
    routes = _routes()

    @routes.get(
        "/signals/{subject}",
        response_model=answers.SignalHistory,
        responses={**NOT_FOUND, 202: {"model": answers.Run}, 409: {"model": Problem}},
    )
    def get_signals(
        request: Request,
        subject: SubjectOrSymbol,
        cursor: Cursor = None,
        limit: Limit = 50,
        target_return: TargetReturn = None,
    ) -> answers.SignalHistory | Response:
        """The signals of one subject, or about one symbol.

        With a target return, those of a trader's model that would reach it: 202 while a run, which needs the token,
        makes them; their place is the same address.
        """
        if target_return is not None and (waiting := accepted(desk, request, subject, target_return)) is not None:
            return waiting
        now, target = desk.clock.now(), None if target_return is None else target_name(target_return)

        def read(
            c: Connection,
        ) -> tuple[
            list[signals.Signal], list[signals.Signal], dict[int, views.VersionNote], list[answers.MissingSignal]
        ]:
            newest = [row for row in signals.latest(c, subject) if target in (None, row.target)]
            published = signals.page(c, subject, target=target, before=cursor, limit=limit + 1)
            notes = version_notes(c, {row.version_id for row in (*newest, *published)})
            missing = [signal for signal in missing_signals(c, desk, now) if signal.subject == subject]
            return newest, published, notes, missing

        newest, published, notes, missing = desk.database.read(read)
        if not newest and not published and not _watched(desk, subject):
            raise unknown("signals", f"There are no signals of {subject}.", "`nightdesk signals` or /api/v1/signals")
        items, cursor_after = _page(published, limit)
        return answers.SignalHistory(
            subject=subject,
            current=[views.signal(row, notes, now) for row in newest if not row.stale(now)],
            missing=missing,
            items=[views.signal(row, notes, now) for row in items],
            next=cursor_after,
        )

    return routes


def run_ledger(desk: DeskView) -> APIRouter:
    """Every run, its tasks and its log, and which models were retrained for a reason."""
    routes = _routes()
    read = desk.database.read

    @routes.get("/runs")
    def list_runs(
        job: JobName | None = None, state: RunState | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> answers.RunPage:
        """Runs, newest first."""
        rows = read(lambda c: runs.page(c, job=job, state=state, before=cursor, limit=limit + 1))
        items, cursor_after = _page(rows, limit)
        return answers.RunPage(items=[answers.Run.model_validate(run) for run in items], next=cursor_after)

    @routes.get("/runs/{run_id}", responses=NOT_FOUND)
    def get_run(run_id: Id) -> answers.RunWithTasks:
        """A run and its tasks."""
        row, done = read(lambda c: (runs.get(c, run_id), tasks.of(c, run_id)))
        run = _existing(row, run_id)
        more = {
            "name": run.name,
            "tasks": done,
            "progress": views.progress(desk.run_progress(run_id)),
            "retrainings": read(lambda c: retrainings.of_run(c, run)),
        }
        return answers.RunWithTasks.model_validate({**vars(run), **more})

    @routes.get("/runs/{run_id}/log", responses=NOT_FOUND)
    def get_run_log(run_id: Id, limit: Annotated[int, Query(ge=1, le=5000)] = 500) -> answers.RunLog:
        """The newest lines of a run's log."""
        return files.run_log(desk.home, _existing(read(lambda c: runs.get(c, run_id)), run_id), limit)

    @routes.get("/retrainings")
    def list_retrainings(subject: Subject = None, cursor: Cursor = None, limit: Limit = 50) -> answers.RetrainingPage:
        """Trainings of models for a reason, besides the schedule, with the reasons; newest first."""
        rows = read(lambda c: retrainings.page(c, subject=subject, before=cursor, limit=limit + 1))
        items, cursor_after = _page(rows, limit)
        return answers.RetrainingPage(
            items=[answers.Retraining.model_validate(row) for row in items], next=cursor_after
        )

    return routes


def model_ledger(desk: DeskView) -> APIRouter:
    """Every model version."""
    routes = _routes()
    read = desk.database.read

    @routes.get("/models")
    def list_models(
        subject: Subject = None,
        model_type: ModelType = None,
        state: VersionState | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> answers.ModelVersionPage:
        """Model versions, newest first."""
        states = None if state is None else (state,)
        rows = read(lambda c: versions.versions(c, subject, model_type, states=states, before=cursor, limit=limit + 1))
        items, cursor_after = _page(rows, limit)
        configured = set(targets(desk.settings, desk.home))
        listed = [views.version(row, configured) for row in items]
        return answers.ModelVersionPage(items=listed, next=cursor_after)

    @routes.get("/records")
    def list_records() -> answers.RecordList:
        """The record of every recipe this home has tried, with its standing."""
        return record_list(desk)

    @routes.get("/models/{version_id}", responses=NOT_FOUND)
    def get_model(version_id: Id) -> answers.ModelVersionFacts:
        """A model version, how it was judged and when it served."""
        version = read(lambda c: _version_facts(c, desk, version_id))
        if version is None:
            raise unknown("version", f"There is no model version {version_id}.", "`nightdesk models` or /api/v1/models")
        return version

    return routes


def alert_ledger(desk: DeskView) -> APIRouter:
    """Every alert."""
    routes = _routes()

    @routes.get("/alerts")
    def list_alerts(state: AlertState | None = None, cursor: Cursor = None, limit: Limit = 50) -> answers.AlertPage:
        """Alerts, newest first."""
        rows = desk.database.read(lambda c: alerts.page(c, state=state, before=cursor, limit=limit + 1))
        items, cursor_after = _page(rows, limit)
        return answers.AlertPage(items=[answers.Alert.model_validate(row) for row in items], next=cursor_after)

    @routes.post("/alerts/retry", status_code=202, responses=WRITES)
    def retry_alerts(whose: Annotated[answers.AlertRetryRequest | None, Body()] = None) -> answers.AlertRetry:
        """Send the dead letters of a channel again, and what waits for it at once."""
        channel = whose.channel if whose else None
        return answers.AlertRetry(retried=dead_letters.retry(desk.database, desk.settings, channel, desk.clock.now()))

    @routes.post("/alerts/{alert_id}/ack", responses={**WRITES, 409: {"model": Problem}})
    def acknowledge_alert(
        alert_id: Id, seen_by: Annotated[answers.Acknowledgement | None, Body()] = None
    ) -> answers.Alert:
        """Acknowledge an alert that stays until a person has seen it; any other resolves itself."""
        author = seen_by.author if seen_by else "api"
        now = desk.clock.now()
        alert = desk.database.write(lambda c: alerts.acknowledge(c, alert_id, author, desk.settings, now))
        return answers.Alert.model_validate(alert)

    return routes


def reports(desk: DeskView) -> APIRouter:
    """The files that runs have written for people and programs."""
    routes = _routes()

    @routes.get("/reports/{run}/{path:path}", response_class=FileResponse, responses=REPORTS)
    def get_report(run: str, path: str) -> FileResponse:
        """A report of a run, for programs or for people, or a picture in it; report.json names all of its files."""
        file = files.report(desk.home, run, path)
        # A finished report never changes, so a browser may keep it.
        headers = {"Cache-Control": "private, max-age=86400, immutable", "Vary": "Authorization, Cookie"}
        if file.suffix == ".html":
            headers[POLICY] = files.PAGE_POLICY
        return FileResponse(file, media_type=files.REPORT_TYPES[file.suffix], headers=headers)

    return routes


def _watched(desk: DeskView, name: str) -> bool:
    """Whether the desk works on this subject or symbol, though it may not have published anything yet."""
    subjects = {target.subject for target in targets(desk.settings, desk.home)}
    return name in subjects or name in desk.settings.symbols


def _page(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], int | None]:
    """The first `limit` rows, and the cursor of the next page if the query returned one more."""
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _existing(run: Run | None, run_id: int) -> Run:
    if run is None:
        raise unknown("run", f"There is no run {run_id}.", "/api/v1/runs")
    return run


def _version_facts(c: Connection, desk: DeskView, version_id: int) -> answers.ModelVersionFacts | None:
    version = versions.version(c, version_id)
    if version is None:
        return None
    names = {version.id: version.version}
    version_evaluations = evaluations.history(c, version_id)
    pair_servings = servings.history(c, version.subject, version.model_type)
    ledgers = {
        "evaluations": [views.evaluation(row, names, desk) for row in version_evaluations],
        "servings": [views.serving(row, names) for row in pair_servings if row.version_id == version_id],
    }
    facts = views.version(version, set(targets(desk.settings, desk.home)))
    return answers.ModelVersionFacts.model_validate({**vars(facts), **ledgers})
