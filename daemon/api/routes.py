"""The addresses of the API. What is asked all the time is served from memory; the rest asks the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Connection

from config.errors import NightdeskError
from config.settings import JobName, Symbol
from daemon.alerts.engine import AlertState
from daemon.api import answers, data, files, views
from daemon.api.desk import DeskView
from daemon.api.guard import POLICY
from daemon.api.problems import NOT_FOUND, REFUSALS, WRITES, Fault, Problem, problem, unknown
from daemon.api.snapshot import Snapshot
from daemon.api.status import job_list, signal_list, status
from daemon.runs import Run, RunState
from daemon.store import alerts, models, overview, runs, signals, tasks
from daemon.store.models import VersionState

Cursor = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
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


def health(desk: DeskView) -> APIRouter:
    """Is the process alive, and can the desk do its work."""
    routes = APIRouter(tags=["health"], responses=REFUSALS)
    alive = answers.Health(status="alive").model_dump_json().encode()

    @routes.get("/healthz", response_model=answers.Health)
    async def healthz() -> Response:
        """Whether the process lives; says nothing of its work."""
        return Response(alive, media_type="application/json")

    @routes.get("/readyz", response_model=answers.Readiness, responses={503: {"model": Problem}})
    def readyz() -> Any:
        """Whether the desk can do its work; 503 names what keeps it from it."""
        problems = desk.readiness()
        if not problems:
            return answers.Readiness(ready=True, problems=[])
        error = NightdeskError("desk.not_ready", f"Not ready: {', '.join(problems)}.", "See the desk's log.")
        return problem(503, error, errors=[Fault(pointer="desk", message=each) for each in problems])

    return routes


def overviews(desk: DeskView) -> APIRouter:
    """What is read all the time, from memory."""
    routes = APIRouter(tags=["desk"], responses=REFUSALS)
    statuses = Snapshot(lambda: status(desk).model_dump_json().encode(), lambda: desk.database.changes)
    latest = Snapshot(lambda: signal_list(desk).model_dump_json().encode(), lambda: desk.database.changes)
    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "Not changed since the given ETag."}}

    @routes.get("/status", response_model=answers.Status, responses=unchanged)
    async def get_status(request: Request) -> Response:
        """The whole desk at a glance."""
        return (await statuses.get()).response(request)

    @routes.get("/signals", response_model=answers.SignalList, responses=unchanged)
    async def list_signals(request: Request) -> Response:
        """The newest signal of every symbol and model type; what has expired is marked stale."""
        return (await latest.get()).response(request)

    return routes


def ledgers(desk: DeskView) -> APIRouter:
    """Everything that was recorded."""
    routes = APIRouter(tags=["ledgers"], responses=REFUSALS)
    read = desk.database.read

    @routes.get("/signals/{symbol}", responses=NOT_FOUND)
    def get_signals(symbol: Symbol, cursor: Cursor = None, limit: Limit = 50) -> answers.SignalHistory:
        """What was said about one symbol."""

        def look(c: Connection) -> tuple[list[signals.Signal], list[signals.Signal], dict[int, str]]:
            newest = signals.latest(c, symbol)
            said = signals.history(c, symbol, before=cursor, limit=limit + 1)
            return newest, said, overview.version_names(c, {row.version_id for row in (*newest, *said)})

        newest, said, names = read(look)
        if not newest and symbol not in desk.settings.symbols:
            raise unknown("signals", f"Nothing was ever said about {symbol}.", "`nightdesk signals` or /api/v1/signals")
        now = desk.clock.now()
        items, following = _page(said, limit)
        return answers.SignalHistory(
            symbol=symbol,
            current=[views.signal(row, names, now) for row in newest if not row.stale(now)],
            items=[views.signal(row, names, now) for row in items],
            next=following,
        )

    @routes.get("/runs")
    def list_runs(
        job: JobName | None = None, state: RunState | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> answers.RunPage:
        """Runs, newest first."""
        found = read(lambda c: runs.page(c, job=job, state=state, before=cursor, limit=limit + 1))
        items, following = _page(found, limit)
        return answers.RunPage(items=[answers.Run.model_validate(run) for run in items], next=following)

    @routes.get("/runs/{run_id}", responses=NOT_FOUND)
    def get_run(run_id: Id) -> answers.RunWithTasks:
        """A run and its tasks."""
        run, done = read(lambda c: (runs.get(c, run_id), tasks.of(c, run_id)))
        known = _known_run(run, run_id)
        more = {"name": known.name, "tasks": done, "progress": views.progress(desk.run_progress(run_id))}
        return answers.RunWithTasks.model_validate({**vars(known), **more})

    @routes.get("/runs/{run_id}/log", responses=NOT_FOUND)
    def get_run_log(run_id: Id, limit: Annotated[int, Query(ge=1, le=5000)] = 500) -> answers.RunLog:
        """The newest lines of a run's log."""
        run = read(lambda c: runs.get(c, run_id))
        return files.run_log(desk.home, _known_run(run, run_id), limit)

    @routes.get("/models")
    def list_models(
        symbol: Symbol | None = None,
        model_type: str | None = None,
        state: VersionState | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> answers.ModelVersionPage:
        """Model versions, newest first."""
        states = None if state is None else (state,)
        found = read(lambda c: models.versions(c, symbol, model_type, states=states, before=cursor, limit=limit + 1))
        items, following = _page(found, limit)
        return answers.ModelVersionPage(
            items=[answers.ModelVersion.model_validate(row) for row in items], next=following
        )

    @routes.get("/models/{version_id}", responses=NOT_FOUND)
    def get_model(version_id: Id) -> answers.ModelVersionFacts:
        """A model version, how it was judged and when it served."""
        found = read(lambda c: _version_facts(c, desk, version_id))
        if found is None:
            raise unknown("version", f"There is no model version {version_id}.", "`nightdesk models` or /api/v1/models")
        return found

    @routes.get("/alerts")
    def list_alerts(state: AlertState | None = None, cursor: Cursor = None, limit: Limit = 50) -> answers.AlertPage:
        """Alerts, newest first."""
        found = read(lambda c: alerts.page(c, state=state, before=cursor, limit=limit + 1))
        items, following = _page(found, limit)
        return answers.AlertPage(items=[answers.Alert.model_validate(row) for row in items], next=following)

    @routes.get("/reports/{run}/{path:path}", response_class=FileResponse, responses=REPORTS)
    def get_report(run: str, path: str) -> FileResponse:
        """A report of a run, for programs or for people, or a picture in it; report.json names all of its files."""
        file = files.report(desk.home, run, path)
        # A finished report never changes, so a browser may keep it.
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        if file.suffix == ".html":
            headers[POLICY] = files.PAGE_POLICY
        return FileResponse(file, media_type=files.REPORT_TYPES[file.suffix], headers=headers)

    return routes


def jobs(desk: DeskView) -> APIRouter:
    """The jobs, and what a person may do with them."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"], responses=REFUSALS)

    @routes.get("")
    def list_jobs() -> answers.JobList:
        """Every job, when it starts next and how it went last."""
        return job_list(desk)

    @routes.post("/{job}/run", status_code=202, responses={**WRITES, 409: {"model": Problem}})
    def run_job(
        job: JobName, response: Response, request: Annotated[answers.RunRequest | None, Body()] = None
    ) -> answers.Run:
        """Start a job now."""
        options = request.model_dump(exclude_none=True) if request else {}
        run = desk.request_run(job, options=options, who="api")
        response.headers["Location"] = f"/api/v1/runs/{run.id}"
        return answers.Run.model_validate(run)

    @routes.post("/{job}/pause", status_code=202, responses=WRITES)
    def pause_job(job: JobName) -> answers.Job:
        """Start a job no more by its schedule; what is at work goes on."""
        desk.pause(job, "api")
        return _job(desk, job)

    @routes.post("/{job}/resume", status_code=202, responses=WRITES)
    def resume_job(job: JobName) -> answers.Job:
        """Start a job again by its schedule."""
        desk.resume(job, "api")
        return _job(desk, job)

    return routes


def _job(desk: DeskView, job: JobName) -> answers.Job:
    return next(listed for listed in job_list(desk).items if listed.job == job)


def _page(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], int | None]:
    """The first `limit` rows, and the cursor to what follows them if the query found one more."""
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _known_run(run: Run | None, run_id: int) -> Run:
    if run is None:
        raise unknown("run", f"There is no run {run_id}.", "/api/v1/runs")
    return run


def _version_facts(c: Connection, desk: DeskView, version_id: int) -> answers.ModelVersionFacts | None:
    version = models.version(c, version_id)
    if version is None:
        return None
    names = {version.id: version.version}
    judged = models.evaluations(c, version_id)
    served = [row for row in models.servings(c, version.symbol, version.model_type) if row.version_id == version_id]
    ledgers = {
        "evaluations": [views.evaluation(row, names, desk.home) for row in judged],
        "servings": [views.serving(row, names) for row in served],
    }
    return answers.ModelVersionFacts.model_validate({**vars(version), **ledgers})


ROUTERS: tuple[Callable[[DeskView], APIRouter], ...] = (overviews, ledgers, data.datasets_of, jobs)
