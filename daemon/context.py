"""What the parts of a running desk share: its home, its present settings, its database, workers, clock and log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.errors import ConfigError, NightdeskError, UsageError
from config.paths import Home
from config.settings import Settings
from daemon.domain.options import RunOptions, unusable
from daemon.domain.schedule import check_schedules
from daemon.executors.base import Executor
from daemon.store.database import Database
from daemon.system.clock import Clock
from daemon.system.log import Log
from trainers import registry

# The options of a run that override a setting of `training_params`; the others override one of their own name.
TRAINING_OPTIONS = frozenset({"steps", "episodes", "iterations", "lookback_days", "device"})


@dataclass
class DeskContext:
    """What the parts of a desk share. Only `settings` and `config` change while it runs."""

    home: Home
    settings: Settings
    database: Database
    executor: Executor
    clock: Clock
    log: Log
    config: Path | None = None
    desk: str = ""  # its id
    leased: bool = False  # whether the database is a server's, of which this process holds the lease


def with_options(settings: Settings, options: RunOptions) -> Settings:
    """The settings of one run: those of the desk, overridden by the options of the run."""
    document = settings.model_dump()
    for name, value in _with_steps(settings, options).items():
        section = document["training_params"] if name in TRAINING_OPTIONS else document
        section[name] = _overridden(section[name], value)
    try:
        changed = Settings.model_validate(document)
    except ValidationError as error:
        raise unusable(error) from error
    try:
        check_settings(changed)
    except ConfigError as error:  # what was typed is at fault, not the config
        raise UsageError(error.code, error.message, error.cure) from error
    return changed


def _with_steps(settings: Settings, options: RunOptions) -> dict[str, Any]:
    """The options with `steps` for each model type too, since its own params in the config would win over them."""
    document = options.model_dump(exclude_none=True, exclude={"accept", "backtest", "order", "places", "target"})
    if options.steps is None:
        return document
    model_types = options.model_types or settings.model_types
    counted = {name: params for name in model_types if (params := registry.steps_params(name, options.steps))}
    return {**document, "model_params": _overridden(counted, document.get("model_params", {}))}


def _overridden(setting: Any, value: Any) -> Any:
    """A value in place of a setting; of a mapping, only the keys that it has."""
    if isinstance(setting, dict) and isinstance(value, dict):
        return setting | {key: _overridden(setting.get(key), item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def check_settings(settings: Settings) -> None:
    """Raise if a model type is not registered, its parameters are not its own, or a schedule cannot be kept."""
    registered = registry.names()
    for place, name in enumerate(settings.model_types):
        if name not in registered:
            raise ConfigError(
                "model_type.unknown",
                f"/model_types/{place} is {name!r}, which is not a model type of this version.",
                f"Use one of: {', '.join(registered)}.",
            )
    check_schedules(settings)
    for name in dict.fromkeys((*settings.model_types, *settings.model_params)):
        try:
            registry.validate_params(name, settings.model_params.get(name, {}), settings)
        except NightdeskError as error:
            raise ConfigError(error.code, f"/model_params/{name}: {error.message}", error.cure) from error
