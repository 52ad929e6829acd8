"""Signals of a return that a reader asks a trader's model for.

| the target                                  | answer                                                          |
|---------------------------------------------|-----------------------------------------------------------------|
| is published each night, or is in force now | 200 with what was published                                     |
| any other, with the token                   | 202: a run of `signals` makes them; Location is the same address |
| any other, without the token                | 401: a read starts nothing                                      |
| was asked for and made a minute ago         | 200, also where no market was open: asking again makes none     |
| is no number from -1 to 100                 | 422                                                             |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from config.errors import NightdeskError, UsageError
from config.names import is_trader_subject
from daemon.api import answers, views
from daemon.api.guard import CHECK_WRITER
from daemon.api.problems import unknown
from daemon.api.view import DeskView
from daemon.domain.options import RunOptions
from daemon.domain.runs import Run
from daemon.domain.signals import TargetRequest, target_name
from daemon.domain.targets import targets
from daemon.store import overview, runs, signals

# After this time, a target without a current signal may be asked for again.
_AGAIN = timedelta(minutes=1)


def accepted(desk: DeskView, request: Request, subject: str, target_return: float) -> JSONResponse | None:
    """The answer 202 while signals of this return are still to be made; None where the ledger has the answer."""
    if not is_trader_subject(subject):
        raise UsageError("signals.target", f"{subject} takes no target return.", "Ask a trader's model, trader:0x6031.")
    asked, now = TargetRequest(subject=subject, target_return=target_return), desk.clock.now()
    run = desk.database.read(lambda c: _under_way(c, asked))
    if run is None:
        if desk.database.read(lambda c: _is_made(c, desk, asked, now)):
            return None
        request.scope[CHECK_WRITER]()
        desk.database.read(lambda c: _check_champion(c, desk, subject))
        run = _requested(desk, asked)
    place = views.address(desk, f"/signals/{quote(subject, safe=':')}?target_return={target_name(target_return)}")
    body = answers.Run.model_validate(run).model_dump(mode="json")
    return JSONResponse(body, 202, {"Location": place, "Retry-After": "2"})


def _is_made(c: Connection, desk: DeskView, asked: TargetRequest, now: datetime) -> bool:
    name = target_name(asked.target_return)
    if name in map(target_name, desk.settings.trader_params.target_returns):
        return True
    if any(row.target == name and not row.stale(now) for row in signals.latest(c, asked.subject)):
        return True
    last = runs.last_result(c, "signals", one_target=True)
    made = last is not None and last.options.target is not None and _same(last.options.target, asked)
    return made and last is not None and last.finished_at is not None and now - last.finished_at < _AGAIN


def _same(one: TargetRequest, other: TargetRequest) -> bool:
    return one.subject == other.subject and target_name(one.target_return) == target_name(other.target_return)


def _under_way(c: Connection, asked: TargetRequest) -> Run | None:
    """The run that makes these signals, if there is one: asking twice starts one."""
    pending = (run for run in runs.pending(c) if run.job == "signals" and run.options.target is not None)
    return next((run for run in pending if run.options.target and _same(run.options.target, asked)), None)


def _check_champion(c: Connection, desk: DeskView, subject: str) -> None:
    places = {target for target in targets(desk.settings, desk.home) if target.subject == subject}
    if not overview.serving(c, places):
        raise unknown("signals", f"No model of {subject} serves, so none can be asked.", "`nightdesk models`")


def _requested(desk: DeskView, asked: TargetRequest) -> Run:
    try:
        return desk.request_run("signals", options=RunOptions(target=asked), author="api")
    except NightdeskError as error:
        if error.code == "run.overlap" and (run := desk.database.read(lambda c: _under_way(c, asked))) is not None:
            return run  # another reader asked for the same at the same time
        raise
