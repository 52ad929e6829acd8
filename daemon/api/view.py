"""What the API needs of a desk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from config.paths import Home
from config.settings import JobName, Settings
from daemon.domain.options import RunOptions
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Run
from daemon.store.database import Database
from daemon.system.clock import Clock


class DeskView(Protocol):
    """What the API needs of a running desk. Everything here may be called from any thread."""

    started_at: datetime
    root_path: str  # as at the start: a reload does not change it

    @property
    def home(self) -> Home:
        """Where the desk lives."""

    @property
    def settings(self) -> Settings:
        """The settings in force; a reload replaces them whole."""

    @property
    def database(self) -> Database:
        """The database of the desk."""

    @property
    def clock(self) -> Clock:
        """The desk's time."""

    @property
    def provenance_note(self) -> str | None:
        """A sentence while the desk works on sample data, else None."""

    def request_run(self, job: JobName, *, options: RunOptions, author: str) -> Run:
        """Record a run for now; `run.overlap` if one of this job is due or at work."""

    def pause(self, job: JobName, author: str) -> None:
        """Pause the schedule of `job`."""

    def resume(self, job: JobName, author: str) -> None:
        """Resume the schedule of `job`."""

    def readiness(self) -> list[str]:
        """Codes of what keeps the desk from working; empty when nothing does."""

    def notices(self) -> list[str]:
        """Notes for a reader that are no problems."""

    def next_runs(self) -> Mapping[JobName, datetime | None]:
        """When each job starts next by its own time."""

    def run_progress(self, run_id: int) -> RunProgress | None:
        """The progress of a running run; None for any other."""
