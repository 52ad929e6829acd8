"""The null-market audit of a home: by its settings, on the sizes of its stored bars; for the job and the command."""

from __future__ import annotations

import multiprocessing
import subprocess
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.sources.sample import SampleSource
from data_pipeline.stored_inputs import stored_bars
from evaluation.null_markets.audit import FREE, AuditPlan, Progress, run_audit
from evaluation.null_markets.certificate import as_bytes, certificate
from evaluation.null_markets.homes import NightRules
from evaluation.null_markets.page import audit_page
from evaluation.null_markets.sizes import Sizes
from evaluation.records.folds import FoldPlan

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings

# Bars of a symbol that hold enough calm and wild spells to be drawn from.
LEAST_BARS = 1_000
NIGHTS = 252
# The span of the sample market whose sizes are used; fixed, so that the same audit gives the same file on any day.
SAMPLE_FROM, SAMPLE_UNTIL = datetime(2012, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
_SOURCE = Path(__file__).parents[3]


def audit_null_markets(
    home: Home, settings: Settings, folder: Path, *, homes: int, seed: int, processes: int, progress: Progress
) -> dict[str, Any]:
    """Simulate, write certificate and page into `folder`, and return the certificate with their `files`."""
    lookback = None if settings.walk_forward.anchored else timedelta(days=settings.training_params.lookback_days)
    rules = NightRules(
        FoldPlan(settings.walk_forward, lookback),
        settings.promotion,
        {"costs as configured": settings.costs, "without costs": FREE},
        NIGHTS,
    )
    plan = AuditPlan(homes, seed, _sizes(home, settings), rules, power_homes=homes // 8)
    if processes == 1:
        result = run_audit(plan, progress=progress)
    else:
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as executor:
            result = run_audit(plan, executor, progress)
    document = certificate(plan, result, settings=settings.fingerprint(), commit=_commit())
    files = {folder / "null_markets.json": as_bytes(document), folder / "null_markets.html": audit_page(document)}
    for path, content in files.items():
        publish_bytes(path, content)
    return {**document, "files": [home.relative(path) for path in files]}


def _sizes(home: Home, settings: Settings) -> tuple[Sizes, ...]:
    """Those of every symbol with enough daily bars, else those of the sample market."""
    stored = []
    if settings.data_params.interval == "1d":
        for symbol in settings.symbols:
            try:
                bars = stored_bars(home, settings, symbol)
            except NightdeskError:  # not pulled yet, or damaged: `data check` reports it
                continue
            if len(bars) >= LEAST_BARS:
                stored.append(Sizes.of(bars))
    sample = SampleSource().fetch("AAPL", "1d", SAMPLE_FROM, SAMPLE_UNTIL)
    return tuple(stored) or (Sizes.of(sample),)


def _commit() -> str | None:
    """The commit of the code where it runs from a checkout without changes; None elsewhere."""
    if not (_SOURCE / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(  # noqa: S603 -- fixed arguments
                ["git", "-C", str(_SOURCE), *words],  # noqa: S607 -- whichever git there is
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if changes else commit
