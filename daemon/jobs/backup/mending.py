"""Damage to models and data: mended from a backup, told by log and alert; without a copy the predecessor serves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from daemon import backups
from daemon.alerts.rules import event
from daemon.store import alerts, servings, versions
from daemon.store import backups as ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy import Connection

    from config.settings import Settings
    from daemon.backups import DamagedModel
    from daemon.context import DeskContext
    from daemon.domain.alert_engine import Observation
    from daemon.jobs.base import RunWork
    from daemon.store.versions import Version

MODEL, DATA = "model.damaged", "data.damaged"


def mend_at_start(desk: DeskContext) -> None:
    """Check what serves, what would serve in its place, and whether a table of data is torn, before the desk works."""
    mend_models(desk, desk.database.read(ledger.serving))
    mend_files(desk, backups.torn_files(desk.home))


def mend_models(desk: DeskContext | RunWork, checked: list[Version]) -> list[DamagedModel]:
    """Check every file of these versions and mend what is damaged; the damaged ones.

    Where no model and no backup lies in the home at all, and none comes from outside, its disk is not mounted rather
    than damaged: no version is taken out of service for that.
    """
    bare = not desk.home.versions and not desk.home.backups
    damaged = backups.mend_models(desk.home, checked, backups.sources(desk.home, desk.settings))
    alerting: bool = desk.database.read(_any_open)
    beyond_repair = {each.version.id for each in damaged if each.mended_from is None}
    now = desk.clock.now()

    if bare and len(beyond_repair) == len(checked) > 0:
        message = f"The folder models is empty, though the database knows {len(checked)} models that should be there."
        desk.log.write("error", MODEL, message=message)
        missing = event(MODEL, "models", message, "Mount its disk, or restore the home (`nightdesk restore`).")
        desk.database.write(partial(_observe, missing, desk.settings, desk))
        return []

    def change(c: Connection) -> list[Observation]:
        observed = [_settle(c, each, beyond_repair, desk) for each in damaged]
        observed += _resolved(c, MODEL, {observation.subject for observation in observed})
        for observation in observed:
            alerts.observe(c, observation, desk.settings, now)
        return observed

    observed = desk.database.write(change) if damaged or alerting else []
    for observation in observed:
        if observation.breached:
            desk.log.write("error", MODEL, model=observation.subject, message=observation.message)
    return damaged


def observation_name(version: Version) -> str:
    """How alerts call a version."""
    return f"{version.subject}/{version.model_type}/{version.version}"


def _settle(c: Connection, damage: DamagedModel, beyond_repair: set[int], desk: DeskContext | RunWork) -> Observation:
    """What became of a damaged version, as an event; where no backup holds it, it is taken out of service."""
    name, problem = observation_name(damage.version), damage.error.message
    if damage.mended_from is not None:
        message = f"{problem} It was fetched again from the backups in {damage.mended_from}, and is whole."
        return event(MODEL, name, message, "Nothing is lost; check the disk.")
    if damage.error.code == backups.UNLISTED:
        return event(MODEL, name, problem, damage.error.cure)
    if damage.left_alone is not None:
        message = f"{problem} A place of backups that may hold it does not answer: {damage.left_alone.message}"
        message += " It does not serve, and is left as it is; every backup and every start tries again."
        return event(MODEL, name, message, damage.left_alone.cure)
    consequence = _take_out_of_service(c, damage.version, beyond_repair, desk)
    message = f"{problem} No backup holds it{consequence}. What is left of it is in models/quarantine."
    return event(MODEL, name, message, "Check the disk; train anew, and keep backups on another disk (`backup.to`).")


def _take_out_of_service(c: Connection, version: Version, beyond_repair: set[int], desk: DeskContext | RunWork) -> str:
    now, place = desk.clock.now(), (version.subject, version.model_type)
    current = versions.version(c, version.id)
    if current is None or current.state != "champion":
        versions.set_state(c, version.id, "quarantined", ("challenger", "retired", "rejected"))
        return ""
    pin = " (the pin of a person is broken by this)" if servings.pinned(c, *place) else ""
    before, why = servings.predecessor(c, *place), "the files of the champion are damaged, and no backup holds them"
    sound = before is not None and before.id not in beyond_repair
    if sound and before and servings.serve(c, *place, before.id, now, why=why, author="desk"):
        consequence = f"; its predecessor {before.version} serves{pin}"
    else:
        servings.stop(c, version, now, why=why, author="desk")
        consequence = f"; nothing serves in its place{pin}"
    versions.set_state(c, version.id, "quarantined", ("retired",))
    return consequence


def mend_files(desk: DeskContext | RunWork, damaged: Iterable[Path]) -> dict[str, str]:
    """Set these files of data aside and put whole copies in their place; each with what became of it."""
    now, mended = desk.clock.now(), dict[str, str]()
    for path in damaged:
        source = backups.mend_file(desk.home, path, backups.sources(desk.home, desk.settings), now)
        mended[desk.home.relative(path)] = f"it was restored from {source}" if source else "it is pulled anew"
    for name, outcome in mended.items():
        message = f"{name} was damaged; {outcome}. The damaged file is in data/quarantine/damaged."
        desk.log.write("error", DATA, file=name, message=message)
        desk.database.write(partial(_observe, event(DATA, name, message, "Check the disk."), desk.settings, desk))
    return mended


def note_mended_copies(desk: DeskContext | RunWork, place: str, names: Iterable[str]) -> None:
    """Tell that the copies of these files at a place were damaged, and were written again."""
    for name in names:
        message = f"The copy of {name} in the backups at {place} was damaged; it was sent again, and is whole."
        desk.log.write("error", DATA, place=place, file=name, message=message)
        observation = event(DATA, f"{place}: {name}", message, "Check the disk of that place.")
        desk.database.write(partial(_observe, observation, desk.settings, desk))


def _observe(observation: Observation, settings: Settings, desk: DeskContext | RunWork, c: Connection) -> None:
    alerts.observe(c, observation, settings, desk.clock.now())


def resolve_data(desk: DeskContext | RunWork, damaged: set[str]) -> None:
    """End the alerts of files that were damaged and are whole now."""

    def change(c: Connection) -> None:
        for observation in _resolved(c, DATA, damaged):
            alerts.observe(c, observation, desk.settings, desk.clock.now())

    if desk.database.read(_any_open):
        desk.database.write(change)


def _any_open(c: Connection) -> bool:
    return any(alert.rule in (MODEL, DATA) for alert in alerts.open_alerts(c))


def _resolved(c: Connection, rule: str, damaged: set[str]) -> list[Observation]:
    """That what fires of this rule is not damaged any more."""
    subjects = {alert.subject for alert in alerts.open_alerts(c) if alert.rule == rule}
    return [
        event(rule, subject, "It is whole.", "Nothing to do.", happened=False) for subject in sorted(subjects - damaged)
    ]
