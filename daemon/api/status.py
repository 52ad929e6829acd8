"""The whole desk at a glance, from one consistent view of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from importlib import metadata

from sqlalchemy import Connection

from config.settings import JOBS, Settings
from daemon.api import answers, views
from daemon.api.missing import missing_signals
from daemon.api.view import DeskView
from daemon.core.condition import conditions, overall
from daemon.domain.retraining import DIRECTION_NOW, REGIME_NOW
from daemon.domain.targets import Target, targets
from daemon.jobs.backup.messages import HOME
from daemon.store import (
    alerts,
    backups,
    datasets,
    evaluations,
    jobs,
    measurements,
    outbox,
    overview,
    records,
    retrainings,
    runs,
    signals,
)
from daemon.store.records import RecordRow
from daemon.store.versions import Version


@cache
def version() -> str:
    """The version of Nightdesk that runs."""
    return metadata.version("nightdesk")


def status(desk: DeskView) -> answers.Status:
    """What the status page shows."""
    problems, now = desk.readiness(), desk.clock.now()
    listed = job_list(desk)

    def read(c: Connection) -> answers.Status:
        watched, places = set(targets(desk.settings, desk.home)), desk.settings.backup.labels
        record = overview.desk_record(c, watched, now, places)
        problems_now = conditions(record, desk.settings, now, problems)
        progress = {run.id: state for run in record.pending if (state := desk.run_progress(run.id))}
        return answers.Status(
            health=answers.Condition.model_validate(overall(problems_now, record, progress)),
            conditions=[answers.Condition.model_validate(condition) for condition in problems_now],
            version=version(),
            started_at=desk.started_at,
            time_zone=desk.settings.time_zone,
            provenance_note=desk.provenance_note,
            ready=not problems,
            problems=problems,
            notices=desk.notices(),
            models=_models(c, desk, now),
            missing_signals=missing_signals(c, desk, now),
            data=[views.dataset(row, desk) for row in datasets.latest(c)],
            jobs=listed.items,
            running=_running(c, desk),
            alerts=[answers.Alert.model_validate(alert) for alert in alerts.open_alerts(c)],
            channels=[
                answers.ChannelQueue.model_validate(queue)
                for queue in outbox.channel_queues(c, desk.settings.notifications.channel_names)
            ],
            backups=_backups(c, desk.settings),
        )

    return desk.database.read(read)


def readiness(desk: DeskView) -> answers.Readiness:
    """What `/readyz` says of a desk that is ready: codes alone, for everybody may read them."""
    configured, now = set(targets(desk.settings, desk.home)), desk.clock.now()
    record = desk.database.read(lambda c: overview.desk_record(c, configured, now, desk.settings.backup.labels))
    amiss = conditions(record, desk.settings, now)
    config = ["config.notices"] if desk.notices() else []
    return answers.Readiness(ready=True, problems=[], notices=[*config, *(each.code for each in amiss)])


def job_list(desk: DeskView) -> answers.JobList:
    """Every job, when it starts next, and its last run."""
    upcoming = desk.next_runs()

    def read(c: Connection) -> list[answers.Job]:
        paused = jobs.paused(c)
        return [
            answers.Job(
                job=job,
                enabled=desk.settings.job_schedule(job).enabled,
                paused=job in paused,
                schedule=views.schedule(desk.settings, job),
                upstream=views.upstream(desk.settings, job),
                next_run=upcoming.get(job),
                last_run=next((answers.Run.model_validate(run) for run in runs.page(c, job=job, limit=1)), None),
            )
            for job in JOBS
        ]

    return answers.JobList(items=desk.database.read(read))


def signal_list(desk: DeskView) -> answers.SignalList:
    """The newest signal of every subject, symbol and model type."""
    now = desk.clock.now()

    def read(c: Connection) -> answers.SignalList:
        latest_signals = signals.latest(c)
        notes = version_notes(c, {row.version_id for row in latest_signals})
        return answers.SignalList(
            items=[views.signal(row, notes, now) for row in latest_signals], missing=missing_signals(c, desk, now)
        )

    return desk.database.read(read)


def version_notes(c: Connection, version_ids: Collection[int]) -> dict[int, views.VersionNote]:
    """What signals say of these versions."""
    return views.version_notes(overview.version_names(c, version_ids), overview.standings(c, version_ids))


def _models(c: Connection, desk: DeskView, now: datetime) -> list[answers.Model]:
    """Every target of the desk, trained or not. A signal is shown where there is only one: of a symbol's own models."""
    listed = targets(desk.settings, desk.home)
    champions = {Target(row.subject, row.model_type): row for row in overview.serving(c, listed)}
    latest_signals = {
        Target(row.subject, row.model_type): row for row in signals.latest(c) if row.symbol == row.subject
    }
    verdicts = {Target(*pair): verdict for pair, verdict in overview.last_verdicts(c).items()}
    latest = overview.latest_evaluations(c, [row.id for row in champions.values()])
    rows: list[signals.Signal | evaluations.Evaluation] = [
        *latest_signals.values(),
        *verdicts.values(),
        *latest.values(),
    ]
    names = overview.version_names(c, {row.version_id for row in rows})
    serving = overview.standings(c, [row.id for row in champions.values()])
    notes = views.version_notes(names, {**overview.standings(c, names.keys()), **serving})
    in_use = {Target(row.subject, row.model_type): row for row in reversed(records.of(c, in_use=True))}
    pinned, retrained = overview.pinned_places(c), retrainings.newest(c)
    recommended = _recommended(champions, serving, overview.recommendations(c))
    regimes = _regimes(c)
    provenances = overview.provenances(c, {row.version_id for row in verdicts.values()})

    def model(target: Target) -> answers.Model:
        champion, signal, verdict = champions.get(target), latest_signals.get(target), verdicts.get(target)
        evaluation = latest.get(champion.id) if champion else verdict
        record = serving.get(champion.id) if champion else in_use.get(target)
        provenance = champion.provenance if champion else provenances[verdict.version_id] if verdict else None
        retraining = retrained.get((target.subject, target.model_type))
        return answers.Model(
            subject=target.subject,
            model_type=target.model_type,
            champion=champion.version if champion else None,
            champion_id=champion.id if champion else None,
            trained_at=champion.trained_at if champion else None,
            provenance=provenance,
            badge=views.badge(provenance),
            pinned=target in pinned,
            recommended=target in recommended,
            record=views.record(record) if record else None,
            evaluation=views.evaluation(evaluation, names, desk) if evaluation else None,
            last_verdict=views.evaluation(verdict, names, desk) if verdict else None,
            signal=views.signal(signal, notes, now) if signal else None,
            retraining=answers.Retraining.model_validate(retraining) if retraining else None,
            regime=views.market_regime(regimes.get(target, {})),
        )

    return [model(target) for target in listed]


def _regimes(c: Connection) -> dict[Target, dict[str, measurements.Measurement]]:
    """The newest measured regimes of the market of each place, by metric."""
    measured: dict[Target, dict[str, measurements.Measurement]] = {}
    for metric in (REGIME_NOW, DIRECTION_NOW):
        for row in measurements.newest_of(c, metric, "evaluation"):
            measured.setdefault(Target(row.subject, row.model_type), {})[metric] = row
    return measured


def _recommended(
    champions: Mapping[Target, Version], standings: Mapping[int, RecordRow], compared: Mapping[str, str]
) -> set[Target]:
    """Of each subject the place whose champion the newest comparison recommends, over the bars that all models have.

    Where that one does not serve, as after a promotion by a person, it is the champion with the best record: a proven
    one first, then by the figure of the whole of it.
    """
    best: dict[str, tuple[tuple[bool, bool, float], Target]] = {}
    for target, champion in champions.items():
        row = standings.get(champion.id)
        if row is None:
            continue
        named = compared.get(target.subject) == f"{target.model_type} {champion.version}"
        worth = (named, row.standing == "proven", records.rank(row))
        if target.subject not in best or worth > best[target.subject][0]:
            best[target.subject] = worth, target
    return {target for _, target in best.values()}


def record_list(desk: DeskView) -> answers.RecordList:
    """The record of every recipe this home has tried."""

    def read(c: Connection) -> answers.RecordList:
        rows = [views.record(row) for row in records.of(c)]
        return answers.RecordList(tried=records.tried(c), confidence=desk.settings.promotion.confidence, items=rows)

    return desk.database.read(read)


def _running(c: Connection, desk: DeskView) -> list[answers.ActiveRun]:
    return [
        answers.ActiveRun.model_validate(
            {**vars(run), "name": run.name, "progress": views.progress(desk.run_progress(run.id))}
        )
        for run in runs.active(c)
    ]


def _backups(c: Connection, settings: Settings) -> answers.Backups:
    verified, proven = backups.last_verified(c), backups.last_proven(c)
    places = backups.places(c, settings.backup.labels)
    return answers.Backups(
        last_verified=answers.Backup.model_validate(verified) if verified else None,
        last_proven=answers.Backup.model_validate(proven) if proven else None,
        places=[answers.BackupPlace.model_validate(place) for place in places],
        proven_for_the_home=backups.home_proven_at(c, HOME),
        proven_for_its_loss=max((place.proven_at for place in places if place.proven_at), default=None),
    )
