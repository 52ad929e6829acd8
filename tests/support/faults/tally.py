"""What many seeds of kills came to, as a file of the repository."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.faults.examination import FAULTS
from tests.support.faults.seeded_kills import Lives

Tally = dict[str, Any]


def tally(lives: Sequence[Lives], database: str, seeds: range, *, seconds: float, loads: Sequence[float]) -> Tally:
    """The figures of the seeds of one database together.

    Args:
        lives: what became of each home.
        database: which kind.
        seeds: of the homes.
        seconds: how long all of them took.
        loads: load averages of the machine on the way; the time of a verdict is worth nothing without them.
    """
    kills, points, counts = Counter[str](), Counter[str](), Counter[str]()
    for each in lives:
        kills += each.kills
        points += each.points
        counts.update(each.counts)
    verdicts = sorted(verdict for each in lives for verdict in each.verdicts)
    return {
        "database": database,
        "seeds": f"{seeds.start}:{seeds.stop}",
        "kills": kills.total(),
        "kills_by_kind": dict(sorted(kills.items())),
        "kills_by_point": dict(sorted(points.items())),
        "violations": {name: sum(len(getattr(each, name)) for each in lives) for name in FAULTS},
        "orphan_verdict_seconds": {
            "starts": len(verdicts),
            **{name: _quantile(verdicts, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))},
        },
        "counts": {name: counts[name] for name in sorted(counts) if name.startswith(("runs", "retries", "messages"))},
        "seconds": round(seconds),
        "machine": {
            "processors": os.cpu_count(),
            "mean_load": round(sum(loads) / len(loads), 1),
            "python": platform.python_version(),
        },
    }


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(values[max(0, -(-int(share * 1000) * len(values) // 1000) - 1)], 2) if values else None


def write(file: Path, new: Tally) -> None:
    """Add the tally to the file, in place of an earlier one of the same seeds and database."""
    before = json.loads(file.read_text("utf-8"))["runs"] if file.exists() else []
    same = (new["database"], new["seeds"])
    runs = [*(run for run in before if (run["database"], run["seeds"]) != same), new]
    total = {
        "kills": sum(run["kills"] for run in runs),
        "at_failpoints": sum(run["kills_by_kind"].get("failpoint", 0) for run in runs),
        "violations": sum(sum(run["violations"].values()) for run in runs),
    }
    file.write_text(json.dumps({"total": total, "runs": runs}, indent=2) + "\n", "utf-8")
