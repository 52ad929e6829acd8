"""Write decisions.json: what a small model of every registered type decides on the market of its example.

python -m tests.golden.regenerate_decisions [MODEL_TYPE ...]
"""

from __future__ import annotations

import json
import sys

from tests.golden.decisions import TABLE, newest
from tests.support.models.examples import example, trained
from trainers import registry


def main(names: list[str]) -> None:
    """Train these, or all, and write the table after each."""
    table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    for name in names or registry.names():
        positions = newest(trained(name).decide(example(name).unseen))
        table[name] = {"revision": registry.revision(name), "positions": positions}
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
