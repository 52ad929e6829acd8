"""The executor that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from daemon.executors.local import open_local

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import ExecutorSettings, Settings
    from daemon.executors.base import Executor

# A kind of executor and the function that opens it.
OPENERS: dict[str, Callable[[ExecutorSettings, Home], Executor]] = {"local": open_local}


def open_executor(settings: Settings, home: Home) -> Executor:
    """An executor for the tasks of a home whose lock this process holds."""
    configured = settings.executor
    return OPENERS[configured.kind](configured, home)
