from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from config import NightdeskError
from config.paths import Home
from daemon.work.evaluation import evaluate
from daemon.work.performance import heard, live_performance
from daemon.work.signals import latest_signal
from daemon.work.training import inspect
from tests.support.easy_market import SYMBOL, easy_bars
from tests.support.judged import CLEAN, NAME, Shelf, context, market
from trainers import manifest_sha256
from trainers.artifact import GOLDEN
from trainers.manifest import MANIFEST, sha256_file

UNSEEN = easy_bars().frame.index[600:]


@pytest.fixture
def shelf(home: Home) -> Shelf:
    made = Shelf(home)
    made.store(market())
    return made


def judged(home: Home, **sides: dict[str, Any] | None) -> dict[str, Any]:
    usual = {"champion": None, "trials": {"count": 2, "sharpe_ratios": {"v1": 3.0}}}
    return evaluate(context(home), {"symbol": SYMBOL, "model_type": NAME, "run": "run", **usual, **sides})


def side(version: str, sha256: str) -> dict[str, str]:
    return {"version": version, "manifest_sha256": sha256}


def test_a_challenger_is_judged_on_the_bars_after_its_training(home: Home, shelf: Shelf) -> None:
    told = judged(home, challenger=side("v1", shelf.put("v1")))
    assert (told["first"], told["last"]) == (UNSEEN[0].isoformat(), UNSEEN[-1].isoformat())
    assert told["challenger"]["verdict"] == "better"
    assert told["champion"] is None


def test_a_champion_is_measured_on_the_same_bars_each_time_it_is_challenged(home: Home, shelf: Shelf) -> None:
    told = judged(home, challenger=side("v2", shelf.put("v2")), champion=side("v1", shelf.put("v1")))
    assert told["challenger"]["verdict"] == "inconclusive"
    assert told["champion"]["metrics"] == told["challenger"]["metrics"]
    assert told["champion"]["verdict"] == "better"


@pytest.mark.parametrize(("leaks", "doubt"), [({**CLEAN, "clean": False}, "leak"), (None, "no_audit")])
def test_a_challenger_that_leaks_or_was_not_audited_is_never_better(
    home: Home, shelf: Shelf, leaks: dict[str, Any] | None, doubt: str
) -> None:
    told = judged(home, challenger=side("v2", shelf.put("v2", leaks=leaks)))
    assert (told["challenger"]["verdict"], told["challenger"]["reasons"]) == ("inconclusive", [doubt])


def test_a_sharpe_ratio_is_deflated_by_the_other_versions_and_kept_with_its_worth(home: Home, shelf: Shelf) -> None:
    challenger = side("v2", shelf.put("v2"))
    alone, many = (
        judged(home, challenger=challenger, trials={"count": count, "sharpe_ratios": {"v2": -99.0, "v1": 3.0}})
        for count in (1, 100)
    )
    metrics = [told["challenger"]["metrics"] for told in (alone, many)]
    assert [each["trials"] for each in metrics] == [1, 100]
    assert metrics[0]["probabilistic_sharpe_ratio"] == metrics[1]["probabilistic_sharpe_ratio"]
    assert metrics[0]["deflated_sharpe_ratio"] == metrics[0]["probabilistic_sharpe_ratio"]
    assert metrics[1]["deflated_sharpe_ratio"] < metrics[0]["deflated_sharpe_ratio"]
    assert metrics[0]["minimum_track_record"] > 1.0


@pytest.mark.parametrize(("source", "interval"), [("sample", "1d"), ("yahoo", "1h")])
def test_a_model_of_other_bars_is_neither_judged_nor_heard(
    home: Home, shelf: Shelf, source: str, interval: str
) -> None:
    other = side("v1", shelf.put("v1", bars=market(source, interval)))
    for task in (
        lambda: judged(home, challenger=other),
        lambda: latest_signal(context(home), {"symbol": SYMBOL, "model_type": NAME, **other}),
        lambda: live_performance(context(home), {"symbol": SYMBOL, "model_type": NAME, **other, "signals": []}),
    ):
        with pytest.raises(NightdeskError) as caught:
            task()
        assert caught.value.code == "model.other_bars"


def test_a_champion_of_other_bars_is_no_rival(home: Home, shelf: Shelf) -> None:
    hourly = side("v1", shelf.put("v1", bars=market(interval="1h")))
    told = judged(home, challenger=side("v2", shelf.put("v2")), champion=hourly)
    assert (told["champion"], told["challenger"]["verdict"]) == (None, "better")


def test_a_challenger_that_forgot_its_golden_predictions_is_refused_but_such_a_champion_can_be_beaten(
    home: Home, shelf: Shelf
) -> None:
    shelf.put("v1")
    changed = side("v1", _with_other_golden_predictions(home))
    with pytest.raises(NightdeskError, match="golden"):
        judged(home, challenger=changed)
    assert judged(home, challenger=side("v2", shelf.put("v2")), champion=changed)["champion"] is not None


def _with_other_golden_predictions(home: Home) -> str:
    """As if a library had changed what the model says: its files are whole, its golden predictions are others."""
    folder = home.model(SYMBOL, NAME, "v1")
    golden = load_file(folder / GOLDEN)
    golden["confidence"] = golden["confidence"] * 0.5
    save_file(golden, folder / GOLDEN)
    document = json.loads((folder / MANIFEST).read_bytes())
    document["files"][GOLDEN] = {"sha256": sha256_file(folder / GOLDEN), "bytes": (folder / GOLDEN).stat().st_size}
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    return manifest_sha256(folder)


def test_a_version_in_the_folder_of_another_is_not_adopted(home: Home, shelf: Shelf) -> None:
    shelf.put("v1")
    stray = home.model("TSLA", NAME, "v1")
    stray.parent.mkdir(parents=True)
    shutil.copytree(home.model(SYMBOL, NAME, "v1"), stray)
    with pytest.raises(NightdeskError, match=f"holds {SYMBOL}/{NAME}/v1") as caught:
        inspect(context(home), {"symbol": "TSLA", "model_type": NAME, "version": "v1"})
    assert caught.value.code == "model.misplaced"


def said(bar: int, published: pd.Timestamp, position: float) -> dict[str, Any]:
    about = market().frame.index[bar]
    return {"bar_time": about.isoformat(), "published_at": published.isoformat(), "position": position}


def test_a_signal_published_in_the_night_is_followed_at_the_next_open() -> None:
    bars = market()
    night = bars.frame.index[10] + timedelta(hours=5)
    assert heard(bars, [said(10, night, 1.0)]).index[0] == bars.frame.index[10]


def test_a_signal_published_after_the_open_waits_for_the_next_one() -> None:
    bars = market()
    late = bars.frame.index[11] - timedelta(hours=1)
    assert heard(bars, [said(10, late, 1.0)]).index[0] == bars.frame.index[11]


def test_of_two_signals_before_the_same_open_the_later_counts() -> None:
    bars = market()
    close = bars.frame.index[10]
    told = [said(10, close + timedelta(hours=1), 1.0), said(10, close + timedelta(hours=2, microseconds=1), 0.0)]
    assert heard(bars, told).to_dict() == {close: 0.0}


def test_live_performance_is_that_of_what_could_be_followed(home: Home, shelf: Shelf) -> None:
    args = {"symbol": SYMBOL, "model_type": NAME, **side("v1", shelf.put("v1"))}
    index, opens = market().frame.index, market().frame["open"]
    late = [said(600, index[601] - timedelta(hours=1), 1.0), said(610, index[610] + timedelta(hours=1), 0.0)]
    metrics = live_performance(context(home), {**args, "signals": late})["metrics"]
    earned = opens.iloc[611] / opens.iloc[602] * (1 - 0.0015) / (1 + 0.0015) - 1.0
    assert metrics["best_trade"] == pytest.approx(100.0 * earned, abs=0.02)
    assert metrics["trades"] == 1


def test_a_single_bar_measures_nothing_and_says_why(home: Home, shelf: Shelf) -> None:
    args = {"symbol": SYMBOL, "model_type": NAME, **side("v1", shelf.put("v1"))}
    last = market().frame.index[-1]
    told = live_performance(context(home), {**args, "signals": [said(-1, last + timedelta(hours=1), 1.0)]})
    assert told["metrics"] == {"sharpe_ratio": None, "max_drawdown": None}
    assert told["reasons"] == {"sharpe_ratio": "too_few_bars", "max_drawdown": "too_few_bars"}
