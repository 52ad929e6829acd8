"""Write `constraints.txt`: one exact version of everything that Nightdesk and its extras bring, direct or not.

    python -m tests.golden.regenerate_constraints             # resolve what is new, leave the other versions
    python -m tests.golden.regenerate_constraints --upgrade   # resolve everything anew but the versions in PINNED

pip itself resolves, in a dry run that installs nothing; `tests/golden/test_constraints.py` compares.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
EXTRAS = "dev,scale,backtrader"
PINNED = "torch==2.13.0\n"  # another version trains other networks from the same seed
HEADER = """\
# One exact version of every dependency, direct or not, for every install (`pip install -c constraints.txt`).
# Written by `python -m tests.golden.regenerate_constraints`; lower bounds live in pyproject.toml.
"""


def constraints(known: str) -> str:
    """The content of the file, by what pip resolves under the versions that are `known`."""
    with tempfile.TemporaryDirectory() as folder:
        report, limits = Path(folder, "report.json"), Path(folder, "known.txt")
        limits.write_text(known)
        install = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command = [*install, "--report", report, "--constraint", limits, f"{ROOT}[{EXTRAS}]"]
        subprocess.run(command, check=True)
        packages = [package["metadata"] for package in json.loads(report.read_text())["install"]]
    # A local version, such as that of a build without CUDA, cannot be had everywhere.
    lines = [
        f"{each['name']}=={each['version'].partition('+')[0]}\n" for each in packages if each["name"] != "nightdesk"
    ]
    return HEADER + "".join(sorted(lines, key=str.lower))


if __name__ == "__main__":
    CONSTRAINTS.write_text(constraints(PINNED if "--upgrade" in sys.argv else CONSTRAINTS.read_text()))
