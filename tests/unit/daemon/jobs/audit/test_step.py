"""The job that audits the rules of a home."""

from __future__ import annotations

from config.paths import Home
from config.settings import Settings
from daemon.core.dispatcher import Dispatcher
from daemon.domain.runs import Run
from daemon.jobs.audit.messages import AuditResult, ProvenHomes
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk

RESULT = AuditResult(
    worlds=(ProvenHomes(world="drift 0", costs="with costs", proven=1, homes=40),),
    files=("results/audit-1/null_markets.html",),
)


async def audited(home: Home, outcome: object) -> Run:
    with scripted_desk(home, Settings()) as desk:
        desk.executor.answers["audit_null_markets"] = lambda _: outcome  # type: ignore[attr-defined]
        request(desk, "audit")
        await attend_all(Dispatcher(desk))
        assert [each.run for each in desk.executor.requests] == ["audit-1"]  # type: ignore[attr-defined]
        return every_run(desk)[-1]


async def test_an_audit_tells_what_it_counted_and_where_it_is_written(home: Home) -> None:
    run = await audited(home, done(RESULT))
    assert run.state == "succeeded"
    assert run.detail is not None
    assert run.detail["worlds"] == [{"world": "drift 0", "costs": "with costs", "proven": 1, "homes": 40}]
    assert run.detail["files"] == ["results/audit-1/null_markets.html"]


async def test_an_audit_that_breaks_fails_its_run(home: Home) -> None:
    run = await audited(home, broken("task.memory"))
    assert (run.state, run.cause) == ("failed", "task.memory")


def test_an_audit_has_no_schedule_of_its_own_until_the_owner_gives_it_one() -> None:
    assert not Settings().job_schedule("audit").timed
    monthly = Settings.model_validate({"jobs": {"audit": {"cron": "0 6 1 * *"}}})
    assert monthly.job_schedule("audit").timed
