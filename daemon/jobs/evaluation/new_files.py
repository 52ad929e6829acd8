"""Reports are served as files that never change, so none is ever written over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import NightdeskError

if TYPE_CHECKING:
    from pathlib import Path

    from config.paths import Home


def refuse_existing(home: Home, report: Path) -> None:
    """Raise unless there is no file `report` yet."""
    if report.exists():
        raise NightdeskError(
            "report.exists",
            f"The report {home.relative(report)} exists already; it is of an earlier run of this number.",
            "It stays as it is. Restart the desk: its runs are then numbered above all that have left files.",
        )
