"""`nightdesk audit --null-markets`, in processes as its user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import Home

ROOT = Path(__file__).parents[2]


def nightdesk(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)


@pytest.mark.slow
def test_an_audit_writes_the_same_certificate_and_page_in_one_process_and_in_two(home: Home) -> None:
    files = [home.results / "audit" / name for name in ("null_markets.json", "null_markets.html")]
    first = nightdesk(home, "audit", "--null-markets", "1", "--seed", "3", "--jobs", "1", "--json")
    assert first.returncode == 0, first.stderr
    contents = [file.read_bytes() for file in files]
    second = nightdesk(home, "audit", "--null-markets", "1", "--seed", "3", "--jobs", "2")
    assert second.returncode == 0, second.stderr
    assert [file.read_bytes() for file in files] == contents

    document = json.loads(first.stdout)
    assert document.pop("files") == ["results/audit/null_markets.json", "results/audit/null_markets.html"]
    assert document == json.loads(contents[0])
    assert document["seed"] == 3
    assert {row["proven"]["among"] for row in document["null_markets"]} == {1}
    assert "100% null worlds: 5 of 5 homes" in second.stderr
    assert "Written: results/audit/null_markets.html" in second.stdout


def test_an_audit_without_a_name_says_which_there_is(home: Home) -> None:
    refused = nightdesk(home, "audit")
    assert refused.returncode == 2
    assert "nightdesk audit --null-markets 200" in refused.stderr
    assert not (home.results / "audit").exists()
