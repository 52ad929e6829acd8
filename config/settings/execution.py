"""Where tasks run, and what one may take."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from config.section import Section
from config.settings.types import Duration


class LocalExecutor(Section):
    """Tasks run in processes of this machine."""

    kind: Literal["local"] = Field(default="local", description="Where tasks run: in worker processes of this machine.")
    workers: int = Field(default=2, ge=1, le=256, description="Tasks that run at the same time.")


def _executor_kind(value: Any) -> Any:
    """Which class of settings an executor has: by its `kind`, which may be left out for the default."""
    return value.get("kind", "local") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[RayExecutor, Tag("ray")]`, and in `daemon/executors/open.py`.
ExecutorSettings = Annotated[Annotated[LocalExecutor, Tag("local")], Discriminator(_executor_kind)]


class Limits(Section):
    """Limits of one task, and attempts of an interrupted run."""

    task_timeout: Duration = Field(
        default=timedelta(hours=2), description="Time after which a task is killed with all its processes."
    )
    task_memory_mb: int = Field(
        default=4096, ge=256, description="Memory in MiB above which a task is killed with all its processes."
    )
    attempts: int = Field(
        default=3, ge=1, le=100, description="How often a run that was interrupted is tried, the first time included."
    )
    stop_grace: Duration = Field(
        default=timedelta(seconds=30), description="How long running tasks may go on when the desk is stopped."
    )
