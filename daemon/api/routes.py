"""The addresses of the API. What is asked all the time is served from memory; the rest asks the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from config.errors import NightdeskError
from config.settings import JobName
from daemon.api import answers
from daemon.api import datasets as data
from daemon.api.ledgers import alert_ledger, model_ledger, reports, run_ledger, signal_ledger
from daemon.api.problems import REFUSALS, WRITES, Fault, Problem, problem
from daemon.api.snapshot import Snapshot
from daemon.api.status import job_list, readiness, signal_list, status
from daemon.api.view import DeskView


def health(desk: DeskView) -> APIRouter:
    """Is the process alive, and can the desk do its work."""
    routes = APIRouter(tags=["health"], responses=REFUSALS)
    alive = answers.Health(status="alive").model_dump_json().encode()

    @routes.get("/healthz", response_model=answers.Health)
    async def healthz() -> Response:
        """Whether the process lives; says nothing of its work."""
        return Response(alive, media_type="application/json")

    ready = Snapshot(lambda: readiness(desk).model_dump_json().encode(), lambda: desk.database.changes)

    @routes.get("/readyz", response_model=answers.Readiness, responses={503: {"model": Problem}})
    async def readyz() -> Any:
        """Whether the desk can do its work; 503 names what keeps it from it."""
        problems = await asyncio.to_thread(desk.readiness)
        if not problems:
            return Response((await ready.get()).body, media_type="application/json")
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
        """The newest signal of every subject, symbol and model type; what has expired is marked stale."""
        return (await latest.get()).response(request)

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
        run = desk.request_run(job, options=options, author="api")
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


ROUTERS: tuple[Callable[[DeskView], APIRouter], ...] = (
    overviews,
    signal_ledger,
    run_ledger,
    model_ledger,
    alert_ledger,
    reports,
    data.datasets_of,
    jobs,
)
