"""What the parts of a running desk share: its home, its present settings, its database, workers, clock and log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.errors import ConfigError, NightdeskError, UsageError
from config.paths import Home
from config.settings import Settings
from daemon.domain.schedule import check_schedules
from daemon.executors.base import Executor
from daemon.store.database import Database
from daemon.system.clock import Clock
from daemon.system.log import Log
from trainers import registry

# Options of a single run, with the path of the setting that each one overrides.
OPTIONS: dict[str, tuple[str, ...]] = {
    "symbols": ("symbols",),
    "model_types": ("model_types",),
    "steps": ("training_params", "steps"),
    "episodes": ("training_params", "episodes"),
    "iterations": ("training_params", "iterations"),
    "lookback_days": ("training_params", "lookback_days"),
    "model_params": ("model_params",),
}
# Options of a single run without a setting: to accept a rewritten history must never be a default.
ORDERS = ("accept",)


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


def with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    """The settings of one run: those of the desk, overridden by the options of the run."""
    document = settings.model_dump()
    for name, value in _with_steps(settings, options).items():
        if name in ORDERS:
            continue
        if name not in OPTIONS:
            raise UsageError(
                "option.unknown",
                f"A run has no option {name!r}.",
                f"Known options: {', '.join(sorted((*OPTIONS, *ORDERS)))}.",
            )
        *sections, key = OPTIONS[name]
        place = document
        for section in sections:
            place = place[section]
        place[key] = _overlaid(place[key], value)
    try:
        changed = Settings.model_validate(document)
    except ValidationError as error:
        fault = max(error.errors(), key=lambda details: len(details["loc"]))  # an item before the list it stands in
        where, what = "/".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
        raise UsageError(
            "option.invalid", f"{fault['input']!r} cannot be used for {where}: {what}.", "Correct the option."
        ) from error
    try:
        check_settings(changed)
    except ConfigError as error:  # what was typed is at fault, not the config
        raise UsageError(error.code, error.message, error.cure) from error
    return changed


def _with_steps(settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    """The options with `steps` for each model type too, since its own params in the config would win over them."""
    if "steps" not in options:
        return options
    model_types = options.get("model_types", settings.model_types)
    counted = {name: params for name in model_types if (params := registry.steps_params(name, options["steps"]))}
    return {**options, "model_params": _overlaid(counted, options.get("model_params", {}))}


def _overlaid(usual: Any, value: Any) -> Any:
    """A value in place of the usual one; of a mapping, only the keys that it has."""
    if isinstance(usual, dict) and isinstance(value, dict):
        return usual | {key: _overlaid(usual.get(key), each) for key, each in value.items()}
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
