"""A history that ended years ago: refused by default, with the key to set; with it trained, judged, and marked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from tests.support.markets.easy import SYMBOL, easy_bars, easy_expert

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture
def ended(home: Home, tmp_path: Path) -> Home:
    """A home over a folder with bars of one symbol until 2022, and an expert's trades on them."""
    bars = easy_bars()
    bars.frame.assign(date=bars.dates).to_csv(tmp_path / f"{SYMBOL}.csv", index=False)
    home.expert_logs.mkdir(parents=True)
    easy_expert(bars).frame.to_csv(home.expert_logs / f"{SYMBOL}.csv", index=False)
    return home


def _config(home: Home, folder: Path, **data_params: str) -> None:
    settings = {
        "symbols": [SYMBOL],
        "data_params": data_params,
        "model_params": {"behavioral_cloner": {"n_estimators": 15}},
        "promotion": {"min_trades": 1, "min_sharpe_gain": 0.0, "confidence": 0.51},
        "sources": {"bars": "csv", "csv_folder": str(folder)},
    }
    home.config.write_text(json.dumps(settings))


def _nightdesk(home: Home, *words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or done.stderr)


def test_an_ended_history_is_refused_with_the_key_to_set_then_trained_and_marked(ended: Home, tmp_path: Path) -> None:
    _config(ended, tmp_path)
    code, document = _nightdesk(ended, "train")
    assert code == 1
    assert "data.stale" in str(document)
    assert "data_params.as_of" in str(document)

    _config(ended, tmp_path, as_of="data")
    code, document = _nightdesk(ended, "train")
    assert code == 0, document
    last = easy_bars().dates[-1].date()
    mark = f"csv, as of {last}, not live"
    assert [model["provenance"] for model in _nightdesk(ended, "models")[1]["items"]] == [mark]
    assert _nightdesk(ended, "evaluate")[0] == 0
    code, document = _nightdesk(ended, "run-once", "signals")
    assert code == 0, document
    signals = _nightdesk(ended, "signals")[1]["items"]
    assert [(signal["provenance"], signal["stale"]) for signal in signals] == [(mark, True)]
    status = _nightdesk(ended, "status")[1]
    assert status["provenance_note"].startswith(f"As of {last}, not live")
