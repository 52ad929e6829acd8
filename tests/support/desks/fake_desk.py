"""A desk that does no work, over a real database filled with what a night leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from config.errors import UsageError
from config.paths import Home
from config.settings import JobName, Settings
from daemon.alerts.rules import run_ended
from daemon.domain.options import RunOptions
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Owner, Run, RunState
from daemon.domain.tasks import TaskProgress
from daemon.store import evaluations, jobs, records, runs, servings, signals, tasks, versions
from daemon.store.alerts import observe
from daemon.store.database import Database
from daemon.store.tables import alerts, backups
from daemon.system.clock import ManualClock
from evaluation.records.standing import Standing
from tests.support.models.recipe_records import record_facts

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# The smallest PNG there is: one grey pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a4944415408d763680000000082008177cd72b60000000049454e44ae426082"
)
RECIPE = "c" * 64
SENTENCES: dict[Standing, str] = {
    "unproven": "Has a record of 100 bars; fewer than 252 prove nothing.",
    "refuted": "Surely earned less than cash and than holding 60% of the time.",
}
METRICS = {
    "sharpe_ratio": 1.27,
    "total_return": 18.4,
    "max_drawdown": -9.6,
    "win_rate": 57.1,
    "trades": 21,
    "reasons": {},
}


@dataclass
class FakeDesk:
    """Everything the API needs, with levers for a test to pull."""

    home: Home
    database: Database
    settings: Settings = field(default_factory=lambda: Settings(symbols=("AAPL", "MSFT")))
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    started_at: datetime = NOW - timedelta(hours=7)
    root_path: str = ""
    provenance_note: str | None = "Sample data: a synthetic market. Nothing here is advice."
    problems: list[str] = field(default_factory=list)
    requested: list[tuple[str, RunOptions, str]] = field(default_factory=list)
    progress: dict[int, RunProgress] = field(default_factory=dict)

    def request_run(self, job: JobName, *, options: RunOptions, author: str) -> Run:
        """As the real one: a job that is due or at work is refused."""

        self.requested.append((job, options, author))

        def change(c: Connection) -> Run | None:
            if runs.unfinished(c, job):
                return None
            return runs.request(c, job, now=self.clock.now(), trigger="manual", options=options)

        if (run := self.database.write(change)) is None:
            raise UsageError("run.overlap", f"The job {job} is already due or at work.", "Wait for its end.")
        return run

    def pause(self, job: JobName, author: str) -> None:
        """As the real one."""
        self.database.write(lambda c: jobs.set_paused(c, job, True, self.clock.now(), author))

    def resume(self, job: JobName, author: str) -> None:
        """As the real one."""
        self.database.write(lambda c: jobs.set_paused(c, job, False, self.clock.now(), author))

    def readiness(self) -> list[str]:
        """The value that the test has set."""
        return self.problems

    def notices(self) -> list[str]:
        """Nothing."""
        return []

    def next_runs(self) -> dict[JobName, datetime | None]:
        """Three jobs have times of their own."""
        tomorrow = self.clock.now().replace(hour=1, minute=30, second=0) + timedelta(days=1)
        return {
            "data_update": tomorrow,
            "training": tomorrow + timedelta(minutes=30),
            "evaluation": tomorrow + timedelta(minutes=90),
        }

    def run_progress(self, run_id: int) -> RunProgress | None:
        """The value that the test has set."""
        return self.progress.get(run_id)


@contextmanager
def empty_desk(home: Home) -> Iterator[FakeDesk]:
    """A desk on a new home."""
    database = Database.open(home.database)
    try:
        yield FakeDesk(home, database)
    finally:
        database.close()


@contextmanager
def filled_desk(home: Home) -> Iterator[FakeDesk]:
    """A desk after its first night, with training at work again."""
    with empty_desk(home) as desk:
        desk.database.write(lambda c: _night(c, home))
        training = desk.database.write(lambda c: _at_work(c, desk.clock.now()))
        desk.progress[training.id] = RunProgress(
            done=1,
            expected=2,
            tasks={"MSFT/behavioral_cloner": TaskProgress(fraction=0.5, message="tree 100 of 200")},
        )
        yield desk


def _night(c: Connection, home: Home) -> None:
    began = NOW - timedelta(hours=3)
    ended: list[Run] = []
    for job in ("data_update", "training", "evaluation", "signals", "backup"):
        run = runs.request(c, job, now=began, trigger="first_night")
        runs.claim(c, run.id, Owner.me(), began)
        task = tasks.add(c, run.id, job, subject="AAPL", model_type="behavioral_cloner")
        tasks.start(c, task.id, began)
        tasks.finish(c, task.id, "succeeded", began + timedelta(minutes=1), result={"rows": 1})
        runs.finish(c, run.id, "succeeded", began + timedelta(minutes=2), attempts=3)
        ended.append(run)
    _served(c, home, ended[2].id, "AAPL")
    _rejected(c, ended[2].id, "MSFT")
    c.execute(
        backups.insert().values(
            run_id=ended[4].id, name="backup_20260304_020000", taken_at=began, files=9, bytes=1_234_567,
            verified_at=began, restored_at=None, deleted=False,
        )
    )  # fmt: skip
    c.execute(
        alerts.insert().values(
            fingerprint="0" * 64, rule="min_sharpe_ratio", subject="MSFT/behavioral_cloner", state="firing",
            breaches=1, clears=0, value=0.1, threshold=0.5, since=began, fired_at=began, updated_at=began,
            message="Sharpe ratio 0.10 is below 0.50.", cure="Look at its report; the next night trains another.",
        )
    )  # fmt: skip
    log = home.run_log(ended[1].name)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('{"event": "task.ended", "task": "AAPL"}\n{"event": "run.ended"}\n{"event": "torn', "utf-8")


def version_of(
    c: Connection,
    run_id: int | None,
    symbol: str,
    name: str = "20260304T020000-0a1b2c3d",
    model_type: str = "behavioral_cloner",
) -> versions.Version:
    """A version that was trained."""
    new = versions.NewVersion(
        subject=symbol, model_type=model_type, version=name, manifest_sha256="f" * 64,
        provenance="sample", dataset="d" * 64, train_start=NOW - timedelta(days=1800),
        train_end=NOW - timedelta(days=365), trained_at=NOW - timedelta(hours=3), run_id=run_id,
        metrics={"accuracy": 0.71}, recipe=RECIPE, seed=42,
    )  # fmt: skip
    version = versions.add_version(c, new)
    assert version is not None
    return version


def _judged(c: Connection, home: Home | None, run_id: int, version: versions.Version, verdict: str) -> None:
    report = None
    if home is not None:
        folder = home.result(f"evaluation-{run_id}") / version.subject / version.model_type / version.version
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps({"schema_version": 1}), "utf-8")
        (folder / "report.html").write_text("<!doctype html>", "utf-8")
        (folder / "equity.png").write_bytes(PIXEL)
        (folder.parents[1] / "model_comparison.html").write_text("<!doctype html>", "utf-8")
        report = home.relative(folder)
    new = evaluations.NewEvaluation(
        run_id=run_id, version_id=version.id, champion_id=None, dataset="d" * 64, first=NOW - timedelta(days=365),
        last=NOW - timedelta(days=1), evaluated_at=NOW - timedelta(hours=3), metrics=METRICS, verdict=verdict,
        reasons=["first" if verdict == "takes_over" else "refuted"], report=report, kind="first",
    )  # fmt: skip
    evaluations.add(c, new)


def _recorded(c: Connection, run_id: int, symbol: str, standing: Standing) -> None:
    """The record of the recipe, with its standing."""
    progress = records.RecordProgress(
        subject=symbol, model_type="behavioral_cloner", recipe=RECIPE, provenance="sample", params={}, seed=42,
        window=1825, run_id=run_id, folds=8, missing=2, restarted=0, facts=record_facts().document(),
    )  # fmt: skip
    began = NOW - timedelta(hours=3)
    records.set_standing(c, records.put(c, progress, began), standing, SENTENCES[standing], began)


def _served(c: Connection, home: Home, run_id: int, symbol: str) -> None:
    version = version_of(c, run_id, symbol)
    _recorded(c, run_id, symbol, "unproven")
    _judged(c, home, run_id, version, "takes_over")
    served = NOW - timedelta(hours=3)
    servings.serve(c, symbol, version.model_type, version.id, served, why="nothing served here", author="evaluation")
    publish(c, version)


def _rejected(c: Connection, run_id: int, symbol: str) -> None:
    version = version_of(c, run_id, symbol)
    _recorded(c, run_id, symbol, "refuted")
    _judged(c, None, run_id, version, "refused")
    versions.set_state(c, version.id, "rejected", ("challenger",))


def publish(c: Connection, version: versions.Version, **changes: Any) -> None:
    """Publish a signal of a version, whose fields `changes` may override."""
    bar_time = changes.setdefault("bar_time", NOW - timedelta(hours=8))
    facts = {
        "interval": "1d", "action": "buy", "position": 1.0, "confidence": 0.82,
        "price": 187.25, "published_at": NOW - timedelta(hours=3),
        "act_by": bar_time + timedelta(hours=17, minutes=30), "expires_at": bar_time + timedelta(hours=32), **changes,
    }  # fmt: skip
    new = signals.NewSignal(
        run_id=version.run_id, subject=version.subject, model_type=version.model_type, version_id=version.id,
        provenance=version.provenance, dataset=version.dataset, **{"symbol": version.subject, **facts},
    )  # fmt: skip
    assert signals.publish(c, new)


def end_run(desk: FakeDesk, job: JobName, state: RunState, **end: Any) -> Run:
    """A run of `job` that a person asked for and that has ended so, with the alert that this raises or resolves."""
    now = desk.clock.now()

    def change(c: Connection) -> Run:
        run = runs.request(c, job, now=now, trigger="manual")
        assert runs.claim(c, run.id, Owner.me(), now)
        runs.finish(c, run.id, state, now, attempts=1, **end)
        ended = runs.get(c, run.id)
        assert ended is not None
        if observation := run_ended(ended):
            observe(c, observation, desk.settings, now)
        return ended

    return desk.database.write(change)


def _at_work(c: Connection, now: datetime) -> Run:
    run = runs.request(c, "training", now=now, trigger="manual")
    assert runs.claim(c, run.id, Owner.me(), now)
    return run
