"""What serves, as planners need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.domain.recipes import Recipe
from daemon.store import records, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.domain.targets import Target
    from daemon.store.records import RecordRow
    from daemon.store.versions import Version


def serving_recipe(c: Connection, target: Target) -> Recipe | None:
    """The recipe of the champion; None where nothing serves, or what serves was trained before recipes had names."""
    champion = versions.champion(c, target.subject, target.model_type)
    row = record_of(c, champion) if champion is not None else None
    return None if row is None else recipe_of_record(row)


def waiting_recipes(c: Connection, target: Target) -> list[Recipe]:
    """The recipes of the versions that wait for their judgement, be they of other settings than today's."""
    waiting = versions.challengers(c, target.subject, target.model_type)
    return [recipe_of_record(row) for version in waiting if (row := record_of(c, version)) is not None]


def recipe_of_record(row: RecordRow) -> Recipe:
    """The recipe that a record is kept of."""
    return Recipe(row.subject, row.model_type, row.params, row.seed, row.window)


def record_of(c: Connection, version: Version) -> RecordRow | None:
    """The record of the recipe of a version, on bars of the same provenance."""
    if version.recipe is None:
        return None
    return records.find(c, version.subject, version.model_type, version.recipe, version.provenance)
