"""Where tasks run, and what one may take."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from config.section import Section
from config.settings.types import Duration


class LocalExecutor(Section):
    """Tasks run in processes of this machine."""

    kind: Literal["local"] = "local"
    workers: int = Field(default=2, ge=1, le=256)


def _executor_kind(value: Any) -> Any:
    """Which class of settings an executor has: by its `kind`, which may be left out for the default."""
    return value.get("kind", "local") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[RayExecutor, Tag("ray")]`, and in `daemon/executors/open.py`.
ExecutorSettings = Annotated[Annotated[LocalExecutor, Tag("local")], Discriminator(_executor_kind)]


class Limits(Section):
    """What one task may take, and how often a broken run is tried again."""

    task_timeout: Duration = timedelta(hours=2)
    task_memory_mb: int = Field(default=4096, ge=256)
    attempts: int = Field(default=3, ge=1, le=100)
    stop_grace: Duration = timedelta(seconds=30)
