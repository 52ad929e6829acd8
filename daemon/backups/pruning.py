"""Deleting old backups, and the objects that no backup names any more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import subject_folder
from config.publish import TEMP_PREFIX
from daemon.backups import first_format
from daemon.backups.copying import each, named_objects
from daemon.backups.faults import FIRST_FORMAT
from daemon.store.blocks import known_models

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.backups.repository import Repository

Model = tuple[str, str]  # its folder, and the sha256 of its manifest


@dataclass
class _Knowledge:
    """What one backup knows, or several together: which models served, which there are, and of which databases.

    `objects` are those that it consists of.
    """

    champions: set[Model] = field(default_factory=set)
    models: set[Model] = field(default_factory=set)
    ledgers: set[str | None] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)

    def covers(self, other: _Knowledge) -> bool:
        """Whether the other backup knows no champion and no database that these do not know."""
        return other.champions <= self.models and other.ledgers <= self.ledgers

    def add(self, other: _Knowledge) -> None:
        """Know what the other backup knows too."""
        self.models |= other.models
        self.ledgers |= other.ledgers


def prune(repository: Repository, keep: int) -> list[str]:
    """Delete all but the newest `keep` backups that can be read; returns the names of the deleted ones.

    Of the older ones those stay that know champions which no newer backup knows, and the newest of every database: a
    database that was begun anew never drives out what the one before it knew. With a backup go the objects
    that no other names.
    """
    names = repository.names()
    if len(names) <= keep:
        return []
    newest_first = names[::-1]
    knowledge_of = dict(zip(newest_first, each(lambda name: _knowledge(repository, name), newest_first), strict=True))
    newer_knowledge, readable, deleted = _Knowledge(), 0, list[str]()
    for name, knowledge in knowledge_of.items():
        if readable >= keep and (knowledge is None or newer_knowledge.covers(knowledge)):
            deleted.append(name)
        elif knowledge is not None:
            newer_knowledge.add(knowledge)
            readable += 1
    for name in deleted:
        repository.delete(name)
        if repository.folder is not None:
            _delete_folder(repository.folder / name)
    if deleted:
        _collect(repository, {name: knowledge.objects for name, knowledge in knowledge_of.items() if knowledge})
    return deleted


def _knowledge(repository: Repository, name: str) -> _Knowledge | None:
    """What a backup knows; None if it is damaged."""
    try:
        if folder := repository.first_format(name):
            first_format.verify_first(folder)
            champions = set(first_format.champions(folder).items())
            return _Knowledge(champions, champions, {first_format.ledger_name(folder)})
        manifest = repository.manifest(name)
        blocks = [repository.read_index(sha256, name) for sha256 in manifest.tables.get("model_versions", ())]
        objects = named_objects(repository, name, manifest)
    except NightdeskError as error:
        if error.code != "backup.damaged":
            raise
        return None
    models = {
        (f"models/{subject_folder(subject)}/{model_type}/{version}", sha256)
        for subject, model_type, version, sha256 in known_models(blocks)
    }
    return _Knowledge(set(manifest.champions.items()), models, {manifest.ledger}, objects)


def _delete_folder(folder: Path) -> None:
    """Under another name first: half a backup must never look like one."""
    if folder.exists():
        trash = folder.with_name(f"{TEMP_PREFIX}{folder.name}")
        folder.rename(trash)
        shutil.rmtree(trash)


def _collect(repository: Repository, objects_of: Mapping[str, set[str]]) -> None:
    """Delete the objects that no backup names; none while the files of any backup cannot be told.

    Of the backups in `objects_of` the objects have been read already.
    """
    named: set[str] = set()
    for name in repository.names():
        try:
            named |= (
                objects_of[name] if name in objects_of else named_objects(repository, name, repository.manifest(name))
            )
        except NightdeskError as error:
            if error.code == FIRST_FORMAT:
                continue
            if error.code != "backup.damaged":
                raise
            return
    each(repository.delete_object, repository.objects().keys() - named)
