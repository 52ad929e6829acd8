"""SIGKILL desks again and again, half of the times at failpoints, and count what was lost, doubled or torn.

python -m benchmarks.kills [--seeds 0:10] [--database sqlite|postgresql] [--lives 6] [--at-once 2] [--tally FILE]

Each seed is one home. The tally of the repository is benchmarks/kills.json; seeds of one database are there once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.faults.quick_template import write_template
from tests.support.faults.seeded_kills import Lives, live
from tests.support.faults.tally import tally, write
from tests.support.servers.postgres import fresh_postgres_url


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--seeds", type=_seeds, default=range(10), help="FIRST:END")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--lives", type=int, default=6, help="of each home")
    parser.add_argument("--at-once", type=int, default=2, help="homes")
    parser.add_argument("--tally", type=Path, help="file that the figures are added to")
    return parser.parse_args()


def main() -> None:
    options, began = _arguments(), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-kills-"))
    template, loads = write_template(folder / "template"), [os.getloadavg()[0]]

    def one(seed: int) -> Lives:
        url = fresh_postgres_url() if options.database == "postgresql" else None
        root = folder / str(seed)
        lives = live(seed, root, template, database=url, number=options.lives)
        loads.append(os.getloadavg()[0])
        print(f"seed {seed}: {dict(lives.kills)}", *lives.faults[:50], sep="\n         ", flush=True)
        if not lives.faults:
            shutil.rmtree(root)
        return lives

    with ThreadPoolExecutor(options.at_once) as pool:
        every = list(pool.map(one, options.seeds))
    figures = tally(every, options.database, options.seeds, seconds=time.monotonic() - began, loads=loads)
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if options.tally:
        write(options.tally, figures)
    if faults := any(each.faults for each in every):
        print(f"What was found is in {folder}.")
    else:
        shutil.rmtree(folder)
    sys.exit(faults)


if __name__ == "__main__":
    main()
