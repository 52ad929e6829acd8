"""The routes of the API. What is read all the time is served from memory; the rest reads the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request, Response

from config.errors import NightdeskError
from config.settings import JobName
from daemon.api import answers, views
from daemon.api import datasets as data
from daemon.api.ledgers import alert_ledger, model_ledger, reports, run_ledger, signal_ledger
from daemon.api.problems import REFUSALS, WRITES, Fault, Problem, problem
from daemon.api.snapshot import Snapshot
from daemon.api.status import job_list, readiness, signal_list, status
from daemon.api.view import DeskView
from daemon.domain.options import RunOptions


def health(desk: DeskView) -> APIRouter:
    """Health checks: is the process alive, and can the desk work."""
    routes = APIRouter(tags=["health"], responses=REFUSALS)
    alive = answers.Health(status="alive").model_dump_json().encode()

    @routes.get("/healthz", response_model=answers.Health)
    async def healthz() -> Response:
        """Whether the process is alive; not whether it can work."""
        return Response(alive, media_type="application/json")

    ready = Snapshot(lambda: readiness(desk).model_dump_json().encode(), lambda: desk.database.changes)

    @routes.get("/readyz", response_model=answers.Readiness, responses={503: {"model": Problem}})
    async def readyz() -> Any:
        """Whether the desk can work; 503 names what keeps it from working."""
        problems = await asyncio.to_thread(desk.readiness)
        if not problems:
            return Response((await ready.get()).body, media_type="application/json")
        error = NightdeskError("desk.not_ready", f"Not ready: {', '.join(problems)}.", "See the desk's log.")
        return problem(503, error, errors=[Fault(pointer="desk", message=code) for code in problems])

    return routes


def overviews(desk: DeskView) -> APIRouter:
    """Status and signals, from memory."""
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
        """The newest signal of every subject, symbol and model type; what has expired is marked stale."""
        return (await latest.get()).response(request)

    return routes


def jobs(desk: DeskView) -> APIRouter:
    """The jobs: list, start, pause, resume."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"], responses=REFUSALS)

    @routes.get("")
    def list_jobs() -> answers.JobList:
        """Every job, when it starts next, and its last run."""
        return job_list(desk)

    @routes.post("/{job}/run", status_code=202, responses={**WRITES, 409: {"model": Problem}})
    def run_job(job: JobName, response: Response, options: Annotated[RunOptions | None, Body()] = None) -> answers.Run:
        """Start a job now."""
        run = desk.request_run(job, options=options or RunOptions(), author="api")
        response.headers["Location"] = views.address(desk, f"/runs/{run.id}")
        return answers.Run.model_validate(run)

    @routes.post("/{job}/pause", status_code=202, responses=WRITES)
    def pause_job(job: JobName) -> answers.Job:
        """Pause the schedule of a job; a run that has started goes on."""
        desk.pause(job, "api")
        return _job(desk, job)

    @routes.post("/{job}/resume", status_code=202, responses=WRITES)
    def resume_job(job: JobName) -> answers.Job:
        """Resume the schedule of a job."""
        desk.resume(job, "api")
        return _job(desk, job)

    return routes


def serving(desk: DeskView) -> APIRouter:
    """What a person decides to serve."""
    routes = APIRouter(prefix="/models", tags=["models"], responses=REFUSALS)

    @routes.post("/{subject}/{model_type}/{action}", status_code=202, responses={**WRITES, 409: {"model": Problem}})
    def order_serving(
        subject: str,
        model_type: str,
        action: Literal["promote", "rollback", "pin", "unpin"],
        response: Response,
        decision: Annotated[answers.ServingDecision | None, Body()] = None,
    ) -> answers.Run:
        """Promote a version, roll back, pin what serves or unpin it; it is proved before the pointer moves."""
        words = decision.model_dump(exclude_none=True) if decision else {}
        order = {"action": action, "subject": subject, "model_type": model_type, **words}
        run = desk.request_run("promotion", options=RunOptions.of(order=order), author=words.get("author", "api"))
        response.headers["Location"] = views.address(desk, f"/runs/{run.id}")
        return answers.Run.model_validate(run)

    return routes


def _job(desk: DeskView, job: JobName) -> answers.Job:
    return next(listed for listed in job_list(desk).items if listed.job == job)


ROUTERS: tuple[Callable[[DeskView], APIRouter], ...] = (
    overviews,
    signal_ledger,
    run_ledger,
    model_ledger,
    serving,
    alert_ledger,
    reports,
    data.datasets_of,
    jobs,
)
