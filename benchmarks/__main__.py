"""Every benchmark, one after the other: `make bench`, or `python -m benchmarks NAME ...` for some of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def main(names: list[str]) -> int:
    """Run each in a process of its own, so that none warms the caches of another; 1 if a goal was missed."""
    missed = []
    for name in names or NAMES:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    print(f"\nMissed or failed: {', '.join(missed)}" if missed else "\nEvery goal was met.")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
