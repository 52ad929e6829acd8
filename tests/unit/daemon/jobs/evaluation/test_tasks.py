from __future__ import annotations

import json
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from config import NightdeskError
from config.paths import Home
from daemon.domain.tasks import VersionRef
from daemon.jobs.evaluation.messages import Attempts, EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.tasks import evaluate
from daemon.jobs.performance_check.messages import LivePerformanceRequest
from daemon.jobs.performance_check.tasks import live_performance
from daemon.jobs.signals.messages import SignalRequest
from daemon.jobs.signals.tasks import latest_signals
from tests.support.markets.easy import SYMBOL, easy_bars
from tests.support.models.stored_versions import CLEAN, NAME, Shelf, context, market
from trainers import manifest_sha256
from trainers.artifact import GOLDEN
from trainers.manifest import MANIFEST, sha256_file

UNSEEN = easy_bars().frame.index[600:]


@pytest.fixture
def shelf(home: Home) -> Shelf:
    new_shelf = Shelf(home)
    new_shelf.store(market())
    return new_shelf


def judged(
    home: Home,
    challenger: VersionRef,
    champion: VersionRef | None = None,
    attempts: Attempts = Attempts(count=2, sharpe_ratios={"v1": 3.0}),  # noqa: B008 -- frozen
) -> EvaluateResult:
    request = EvaluateRequest(
        subject=SYMBOL,
        model_type=NAME,
        run="run",
        challenger=challenger,
        champion=champion,
        attempts=attempts,
    )
    return evaluate(context(home), request)


def version(name: str, sha256: str) -> VersionRef:
    return VersionRef(name=name, manifest_sha256=sha256)


def test_a_challenger_is_judged_on_the_bars_after_its_training(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v1", shelf.put("v1")))
    assert (result.first, result.last) == (UNSEEN[0], UNSEEN[-1])
    assert result.challenger.verdict == "better"
    assert result.champion is None


def test_a_champion_is_measured_on_the_same_bars_each_time_it_is_challenged(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v2", shelf.put("v2")), version("v1", shelf.put("v1")))
    assert result.challenger.verdict == "inconclusive"
    assert result.champion is not None
    assert result.champion.metrics == result.challenger.metrics
    assert result.champion.verdict == "better"


@pytest.mark.parametrize(("leaks", "doubt"), [({**CLEAN, "clean": False}, "leak"), (None, "no_audit")])
def test_a_challenger_that_leaks_or_was_not_audited_is_never_better(
    home: Home, shelf: Shelf, leaks: dict[str, Any] | None, doubt: str
) -> None:
    finding = judged(home, version("v2", shelf.put("v2", leaks=leaks))).challenger
    assert (finding.verdict, finding.reasons) == ("inconclusive", (doubt,))


def test_a_sharpe_ratio_is_deflated_by_the_other_versions_and_kept_with_its_worth(home: Home, shelf: Shelf) -> None:
    challenger = version("v2", shelf.put("v2"))
    alone, many = (
        judged(home, challenger, attempts=Attempts(count=count, sharpe_ratios={"v2": -99.0, "v1": 3.0}))
        for count in (1, 100)
    )
    metrics: list[dict[str, Any]] = [result.challenger.metrics.values for result in (alone, many)]
    assert [each["trials"] for each in metrics] == [1, 100]
    assert metrics[0]["probabilistic_sharpe_ratio"] == metrics[1]["probabilistic_sharpe_ratio"]
    assert metrics[0]["deflated_sharpe_ratio"] == metrics[0]["probabilistic_sharpe_ratio"]
    assert metrics[1]["deflated_sharpe_ratio"] < metrics[0]["deflated_sharpe_ratio"]
    assert metrics[0]["minimum_track_record"] > 1.0


def test_a_judgement_crosses_from_the_worker_to_the_daemon_as_it_is(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v2", shelf.put("v2")), version("v1", shelf.put("v1")))
    assert EvaluateResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(("source", "interval"), [("sample", "1d"), ("yahoo", "1h")])
def test_a_model_of_other_bars_is_neither_judged_nor_heard(
    home: Home, shelf: Shelf, source: str, interval: str
) -> None:
    other = version("v1", shelf.put("v1", bars=market(source, interval)))
    pair = {"subject": SYMBOL, "model_type": NAME}
    for task in (
        lambda: judged(home, other),
        lambda: latest_signals(context(home), SignalRequest(**pair, version=other)),
        lambda: live_performance(context(home), LivePerformanceRequest(**pair, version="v1", signals=())),
    ):
        with pytest.raises(NightdeskError) as caught:
            task()
        assert caught.value.code == "model.other_bars"


def test_a_champion_of_other_bars_is_no_rival(home: Home, shelf: Shelf) -> None:
    hourly = version("v1", shelf.put("v1", bars=market(interval="1h")))
    result = judged(home, version("v2", shelf.put("v2")), hourly)
    assert (result.champion, result.challenger.verdict) == (None, "better")


def test_a_challenger_that_forgot_its_golden_predictions_is_refused_but_such_a_champion_can_be_beaten(
    home: Home, shelf: Shelf
) -> None:
    shelf.put("v1")
    changed = version("v1", _with_other_golden_predictions(home))
    with pytest.raises(NightdeskError, match="golden"):
        judged(home, changed)
    assert judged(home, version("v2", shelf.put("v2")), changed).champion is not None


def _with_other_golden_predictions(home: Home) -> str:
    """As if a library had changed what the model says: its files are whole, its golden predictions are others."""
    folder = home.model(SYMBOL, NAME, "v1")
    golden = load_file(folder / GOLDEN)
    golden |= {name: values * 0.5 for name, values in golden.items() if name.endswith("/confidence")}
    save_file(golden, folder / GOLDEN)
    document = json.loads((folder / MANIFEST).read_bytes())
    document["files"][GOLDEN] = {"sha256": sha256_file(folder / GOLDEN), "bytes": (folder / GOLDEN).stat().st_size}
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    return manifest_sha256(folder)
