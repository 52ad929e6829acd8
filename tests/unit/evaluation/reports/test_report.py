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
from config.settings import Promotion
from evaluation import Costs, backtest, judge, run_baselines, write_report
from evaluation.reports import report
from tests.golden.regenerate_report_schema import schema
from tests.support.markets.prices import series, walk

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUBJECT = {"symbol": "AAPL", "model_type": "behavioral_cloner", "version": "v1", "provenance": "sample", "extra": [1]}


def write(folder: Path, *, bars: pd.DataFrame | None = None, target: pd.Series | None = None, **subject: str) -> Path:
    bars = walk(250) if bars is None else bars
    target = series(np.where(np.arange(len(bars)) // 7 % 3, 0.9, -0.4), bars) if target is None else target
    challenger, champion = backtest(bars, target), backtest(bars, target * 0.5)
    return write_report(
        folder,
        subject={**SUBJECT, **subject},
        challenger=challenger,
        baselines={"champion": champion, **run_baselines(bars, target, draws=5).backtests},
        verdict=judge(challenger, champion, Promotion()),
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
    assert list(raw["metrics"]) == ["challenger", "champion", "buy_and_hold", "flat", "last_action", "random"]
    assert raw["metrics"]["flat"]["sharpe_ratio"] is None
    assert raw["metrics"]["flat"]["reasons"]["sharpe_ratio"] == "zero_variance"
    assert set(raw["metrics"]["challenger"]) == {*raw["units"], "reasons"}
    assert raw["verdict"]["verdict"] in ("better", "worse", "inconclusive")
    assert raw["verdict"]["sentence"].endswith(".")
    assert raw["evidence"]["significance"] is None


def test_a_report_of_version_1_can_still_be_read(tmp_path):
    path = write(tmp_path, bars=walk(50))
    old = json.loads(path.read_text())
    del old["evidence"], old["verdict"]["sentence"], old["terms"]["cash_interest"], old["terms"]["commission_minimum"]
    path.write_text(json.dumps({**old, "schema_version": 1, "subject": SUBJECT}))
    read = report.read_report(path)
    assert read.verdict.sentence.startswith("Not shown to be better than the champion: it completed too few trades")
    assert read.metrics == old["metrics"]


def test_a_report_of_version_2_is_read_with_the_names_of_today(tmp_path):
    path = write(tmp_path, bars=walk(50))
    shift = {"psi": 0.1, "by_chance": 0.2, "drifted": True, "chi_square_p": 0.5, "ks": None, "independent": 9.0}
    shift |= {"reference": [0.5, 0.5], "now": [0.4, 0.6], "edges": None}
    rank = {"model": 1.0, "low": 0.0, "median": 0.5, "high": 2.0, "percentile": 70.0, "p_value": 0.3, "reason": None}
    drift = {"bars": 50, "actions": shift, "sides": shift, "strength": None, "features": {"now": shift}}
    drift |= {"drifted_features": 100.0, "drifted": ["sides", "features"], "reasons": {"strength": "no_positions"}}
    behaviour = {
        "accuracy": None,
        "calibration": {
            "error": 0.1,
            "rows": [{"low": 0.5, "high": 0.6, "decisions": 9, "confidence": 0.5, "right": 0.6}],
        },
        "confidence": {"sure": 0.2, "unsure": 0.1, "p_value": 0.4, "decisions": 30},
        "reasons": {"accuracy": "no_expert"},
    }
    choice = {"first": "a", "last": "b", "bars": 9, "seeds": 1, "checkpoints": 2, "chosen": 1.5}
    choice |= dict.fromkeys(("low", "high", "mean", "buy_and_hold"))
    evidence = {
        **dict.fromkeys(("significance", "intervals", "costs", "slices", "leaks")),
        "luck": {"draws": 5, "seed": 0, "total_return": rank, "sharpe_ratio": rank},
        "choice": choice,
        "weights": {"measure": "share of the trees", "features": {"chosen": 1.0}},
        "drift": drift,
        "behaviour": behaviour,
        "beside": {"counts": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
        "absent": {"choice": "only_one"},
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2, "evidence": evidence}))
    upgraded = report.read_report(path).evidence
    assert upgraded.random_baseline is not None
    assert upgraded.random_baseline.total_return.percentile == 70.0
    assert upgraded.model_selection is not None
    assert upgraded.model_selection.selected == 1.5
    assert upgraded.feature_importance is not None
    assert upgraded.feature_importance.features == {"chosen": 1.0}
    assert upgraded.expert_confusion is not None
    assert upgraded.absent == {"model_selection": "only_one"}
    assert upgraded.drift is not None
    assert upgraded.drift.drifted == ("position_sign", "features")
    assert upgraded.drift.features["now"].current == (0.4, 0.6)
    assert upgraded.drift.position_sign is not None
    assert upgraded.drift.position_sign.critical_psi == 0.2
    quality = upgraded.decision_quality
    assert quality is not None
    assert quality.reasons == {"expert_agreement": "no_expert"}
    assert quality.calibration is not None
    assert quality.calibration.rows[0].accuracy == 0.6
    assert quality.returns_by_confidence is not None
    assert quality.returns_by_confidence.high_confidence == 0.2


def test_the_pictures_are_those_for_which_there_is_something_to_draw(tmp_path):
    write(tmp_path)
    drawn = {file.name for file in tmp_path.glob("*.png")}
    assert drawn == {"equity.png", "returns.png", "rolling_sharpe.png", "months.png", "risk_return.png"}


def test_the_schema_in_the_repository_is_that_of_the_report():
    committed = Path(report.__file__).with_name("report.schema.json").read_bytes()
    assert committed == schema(), "run: python -m tests.golden.regenerate_report_schema"


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
        "challenger",
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
    assert report.read_report(tmp_path / "report.json").metrics["challenger"]["max_drawdown"] == -100.0


@pytest.mark.parametrize("change", [{"schema_version": 4}, {"surprise": 1}, {"metrics": {"challenger": {"cagr": []}}}])
def test_what_is_not_a_report_is_refused(tmp_path, change):
    path = write(tmp_path, bars=walk(5))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(NightdeskError, match=r"report\.json is not a report of version 1, 2 or 3"):
        report.read_report(path)
    path.write_text("{")
    with pytest.raises(NightdeskError, match="not a report"):
        report.read_report(path)
    path.write_text("[]")
    with pytest.raises(NightdeskError, match="not a report"):
        report.read_report(path)
