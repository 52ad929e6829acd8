from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from evaluation import Costs, backtest, run_baselines, write_report
from evaluation.reports import report
from tests.golden.regenerate_report_schema import SCHEMAS, schema
from tests.support.markets.prices import series, walk
from tests.support.models.report_parts import first_decision, standing_part

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUBJECT = {"symbol": "AAPL", "model_type": "behavioral_cloner", "version": "v1", "provenance": "sample", "extra": [1]}


def write(folder: Path, *, bars: pd.DataFrame | None = None, target: pd.Series | None = None, **subject: str) -> Path:
    bars = walk(250) if bars is None else bars
    target = series(np.where(np.arange(len(bars)) // 7 % 3, 0.9, -0.4), bars) if target is None else target
    model, champion = backtest(bars, target), backtest(bars, target * 0.5)
    return write_report(
        folder,
        subject={**SUBJECT, **subject},
        model=model,
        baselines={"champion": champion, **run_baselines(bars, target, draws=5).backtests},
        decision=first_decision(),
        standing=standing_part(),
        created_at=NOW,
    )


def test_a_report_is_read_back_as_it_was_written(tmp_path):
    path = write(tmp_path)
    read = report.read_report(path)
    raw = json.loads(path.read_text())
    assert read.schema_version == raw["schema_version"] == 3
    assert read.created_at == NOW
    assert {name: raw["subject"][name] for name in SUBJECT} == SUBJECT
    assert raw["span"]["bars"] == 250
    assert raw["terms"] == {"initial_cash": 100_000.0, **asdict(Costs())}
    assert list(raw["metrics"]) == ["model", "champion", "buy_and_hold", "flat", "last_action", "random"]
    assert raw["metrics"]["flat"]["sharpe_ratio"] is None
    assert raw["metrics"]["flat"]["reasons"]["sharpe_ratio"] == "zero_variance"
    assert set(raw["metrics"]["model"]) == {*raw["units"], "reasons"}
    assert (read.decision, read.standing) == (first_decision(), standing_part())
    assert raw["decision"]["sentence"].endswith(".")
    assert raw["standing"]["record"]["p_cash"] == 0.12
    assert raw["evidence"]["significance"] is None


def test_the_pictures_are_those_for_which_there_is_something_to_draw(tmp_path):
    write(tmp_path)
    drawn = {file.name for file in tmp_path.glob("*.png")}
    assert drawn == {"equity.png", "returns.png", "rolling_sharpe.png", "months.png", "risk_return.png"}


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_schemas_in_the_repository_are_those_of_the_reports(path):
    assert path.read_bytes() == schema(SCHEMAS[path]), "run: python -m tests.golden.regenerate_report_schema"


def test_files_are_named_with_their_hashes_and_nothing_unfinished_stays(tmp_path):
    path = write(tmp_path)
    files = report.read_report(path).files
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*files, "report.json"])
    for name, sha in files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha


def test_equity_can_be_drawn_again_from_its_file(tmp_path):
    bars = walk(250)
    write(tmp_path, bars=bars)
    equity = pd.read_parquet(tmp_path / "equity.parquet")
    assert list(equity.columns) == [
        "model",
        "champion",
        "buy_and_hold",
        "flat",
        "last_action",
        "random",
        "position",
    ]
    assert equity.index.equals(bars.index)
    pd.testing.assert_series_equal(
        equity["buy_and_hold"], backtest(bars, series([1.0] * 250, bars)).equity, check_names=False, check_freq=False
    )


def orange(folder: Path) -> int:
    """How many pixels of the picture have the colour of the sample badge."""
    picture = (matplotlib.image.imread(folder / "equity.png")[..., :3] * 255).round().astype(int)
    assert picture.shape == (814, 1320, 3)
    return int((picture == (0xB4, 0x53, 0x09)).all(axis=-1).sum())


def test_the_picture_is_marked_where_its_data_is_a_sample(tmp_path):
    write(tmp_path / "sample")
    write(tmp_path / "real", provenance="yahoo")
    assert orange(tmp_path / "sample") > 2000
    assert orange(tmp_path / "real") == 0


@pytest.mark.parametrize("bars", [walk(1), walk(2), walk(30).reset_index(drop=True), walk(3000)])
def test_any_span_can_be_reported(tmp_path, bars):
    assert report.read_report(write(tmp_path, bars=bars)).span.bars == len(bars)


def test_a_ruined_account_can_be_reported(tmp_path):
    bars = walk(40, drift=0.1)
    write(tmp_path, bars=bars, target=series([-1.0] * 40, bars))
    assert report.read_report(tmp_path / "report.json").metrics["model"]["max_drawdown"] == -100.0


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"schema_version": 4},
        {"surprise": 1},
        {"standing": None},
        {"metrics": {"model": {"cagr": []}}},
    ],
)
def test_what_is_not_a_report_is_refused(tmp_path, change):
    path = write(tmp_path, bars=walk(5))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(NightdeskError, match=r"report\.json is not a report of version 3") as caught:
        report.read_report(path)
    assert (caught.value.code, caught.value.cure) == ("report.invalid", "Evaluate the model again.")
    path.write_text("{")
    with pytest.raises(NightdeskError, match="not a report"):
        report.read_report(path)
    path.write_text("[]")
    with pytest.raises(NightdeskError, match="not a report"):
        report.read_report(path)
