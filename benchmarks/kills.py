"""SIGKILL the desk again and again through a night of small jobs, and count what was lost, doubled or torn.

python -m benchmarks.kills [KILLS] [SEED]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from config.paths import Home
from tests.support.faults.night_of_kills import night_of_kills


def main() -> None:
    kills, seed = (int(word) for word in (sys.argv[1:] + ["200", "200"][len(sys.argv) - 1 :]))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = night_of_kills(Home(Path(folder) / "home"), kills, seed)
    print(f"{figures.kills} kills, {figures.kills_before_ready} before the desk was ready, seed {seed}")
    print(f"{time.monotonic() - began:.0f} s in all")
    restarts = figures.recovered_in
    print(f"from start to recovery: median {statistics.median(restarts):.2f} s, longest {max(restarts):.2f} s")
    for name, count in sorted(figures.counts.items()):
        print(f"{count:6} {name}")
    for name in ("lost", "doubled", "torn", "duplicate_alerts", "left_behind", "unforeseen"):
        faults = getattr(figures, name)
        print(f"{len(faults):6} {name.replace('_', ' ')}", *faults[:50], sep="\n         ")
    sys.exit(bool(figures.faults))


if __name__ == "__main__":
    main()
