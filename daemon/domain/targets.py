"""What a desk keeps fresh: each subject with each model type that can speak of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.names import SCOPES, UNIVERSE, trader_subject
from trainers import registry

if TYPE_CHECKING:
    from config.names import Scope
    from config.paths import Home
    from config.settings import Settings


@dataclass(frozen=True, order=True)
class Target:
    """One place for a champion."""

    subject: str
    model_type: str

    @property
    def label(self) -> str:
        """How reports and alerts call it: AAPL/behavioral_cloner."""
        return f"{self.subject}/{self.model_type}"


def targets(settings: Settings, home: Home) -> tuple[Target, ...]:
    """Every target of a desk: the symbols, then the universe of all of them, then the traders.

    A model type is asked for its scope: one of symbols has a target for each symbol of the settings, one of a universe
    has a single one, one of traders has one for each trader of the settings, or for each whose logs the home holds if
    the settings name none.
    """
    return tuple(
        Target(subject, model_type)
        for scope in SCOPES
        if (model_types := [name for name in settings.model_types if registry.needs(name).scope == scope])
        for subject in _subjects(scope, settings, home)
        for model_type in model_types
    )


def _subjects(scope: Scope, settings: Settings, home: Home) -> Iterator[str]:
    if scope == "symbol":
        yield from settings.symbols
    elif scope == "universe":
        yield UNIVERSE
    else:
        yield from map(trader_subject, settings.traders or home.traders)
