"""A trader's model from the command line: train it on a folder of logs, and ask it for a return."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from daemon import bootstrap
from daemon.cli.app import main
from daemon.store import servings, versions
from daemon.store.database import Database
from daemon.system.clock import SystemClock
from tests.support.desks.night import WorkingExecutor
from tests.support.markets.trader_logs import REAL
from tests.support.models import small_types
from trainers.safe_files import read_tensors

TRADER = "trader:0x6031"


@pytest.fixture
def nightdesk(home: Home, monkeypatch, capsys):
    """The command, whose tasks run in this process: only here the small type of traders is registered."""
    now = SystemClock().now
    monkeypatch.setattr(bootstrap, "open_executor", lambda *_, **__: WorkingExecutor(home, now))
    (home.root / "training_config.json").write_text(json.dumps({"symbols": ["AAPL"], "sources": {"bars": "sample"}}))

    def run(*words: str) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["nightdesk", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code if isinstance(ended.value.code, int) else 0
        return code, json.loads(captured.out) if captured.out else None, captured.err

    with small_types.registered():
        yield run


def test_a_model_is_trained_on_a_folder_of_logs_and_asked_for_a_return(nightdesk, home: Home, tmp_path: Path):
    shutil.copytree(REAL, tmp_path / "downloads/merged_trades/0x6031")
    flags = ["--output_dir", str(tmp_path / "models"), "--device", "cpu"]
    code, answered, errors = nightdesk(
        "train", "--model-type", "small_trader", "--data_dir", str(tmp_path / "downloads/merged_trades"), *flags
    )
    assert (code, [run["job"] for run in answered["runs"]]) == (0, ["training"]), errors
    assert "level" in read_tensors(tmp_path / "models/best_model.pt")[0]
    config = json.loads((home.root / "training_config.json").read_text()) | {"model_types": ["small_trader"]}
    (home.root / "training_config.json").write_text(json.dumps(config))
    database, now = Database.open(home.database), SystemClock().now()
    (version,) = database.read(versions.versions)
    database.write(lambda c: servings.serve(c, TRADER, "small_trader", version.id, now, why="test", author="test"))
    database.close()
    code, answered, errors = nightdesk("signals", TRADER, "--target-return", "0.3")
    assert (code, answered["current"]) == (0, []), errors
    (item,) = answered["items"]
    assert (item["target_return"], item["stale"], item["interval"]) == (0.3, True, "30s")
    assert answered["missing"][0]["code"] in ("signals.not_run", "signals.no_open_market")
    assert nightdesk("signals", TRADER, "--target-return", "nan")[0] == 2
    assert nightdesk("signals", "--target-return", "0.3")[0] == 2
