"""What performance_check asks of a worker: a trained version held against its training and its expert."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from daemon.domain.metrics import MonitoredMetrics
from daemon.domain.retraining import DIRECTION_NOW, DIRECTION_TRAINED, REGIME_NOW, REGIME_TRAINED
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import VersionRef
from daemon.jobs.performance_check.messages import MonitorRequest, MonitorResult
from daemon.jobs.performance_check.tasks import monitor, with_members
from daemon.jobs.versions import inputs_of, judged_version, loaded
from data_pipeline.features.volatility_regime import settled_regime
from data_pipeline.inputs import Inputs
from data_pipeline.regimes.market import settled_direction
from evaluation.reports.evidence import AccountFigures, MemberComparison, ModelEvidence
from tests.support.desks.recorded_home import RecordedHome
from tests.support.markets.easy import SYMBOL, easy_expert
from tests.support.models.linear_type import LINEAR, linear_registered
from tests.support.models.stored_versions import NAME, NOW, Shelf, context, market
from trainers.manifest import MANIFEST, manifest_sha256

WATCHED = {"action_psi", "side_psi", "drifted_features", "accuracy", "calibration_error", "strength"}


@pytest.fixture
def shelf(home: Home) -> Shelf:
    new_shelf = Shelf(home)
    new_shelf.store(market())
    return new_shelf


def monitor_request(sha256: str, signals: tuple[PublishedSignal, ...] = ()) -> MonitorRequest:
    version = VersionRef(name="v1", manifest_sha256=sha256)
    return MonitorRequest(
        subject=SYMBOL, model_type=NAME, version=version, record=None, signals=signals, trained_until=NOW
    )


def artifact_inputs(home: Home) -> Inputs:
    return inputs_of(context(home), SYMBOL, NAME)


def measured(home: Home, shelf: Shelf, signals: tuple[PublishedSignal, ...] = ()) -> MonitorResult:
    result = monitor(context(home), monitor_request(shelf.put("v1"), signals))
    assert MonitorResult.model_validate_json(result.model_dump_json()) == result
    return result


def number(metrics: MonitoredMetrics, name: str) -> float:
    """A value that is there."""
    value = metrics.number(name)
    assert value is not None
    return value


def write_log(home: Home, rows: int) -> None:
    """The expert's trades of the first so many bars."""
    frame = easy_expert(market().head(rows)).frame
    home.expert_logs.mkdir(parents=True, exist_ok=True)
    frame.assign(action=frame["action"].map({1: "buy", -1: "sell"})).to_csv(home.expert_logs / f"{SYMBOL}.csv")


def published(first: int, last: int, position: float) -> tuple[PublishedSignal, ...]:
    return tuple(
        PublishedSignal(symbol=SYMBOL, bar_time=time, published_at=NOW, position=position, confidence=0.8)
        for time in market().frame.index[first:last].to_pydatetime()
    )


def test_in_a_market_that_stays_the_same_a_model_does_not_drift(home: Home, shelf: Shelf) -> None:
    write_log(home, 900)
    metrics = measured(home, shelf).evaluation
    assert number(metrics, "side_psi") < max(0.25, metrics.by_chance["side_psi"])
    assert number(metrics, "accuracy") > 90.0
    assert metrics.reasons == {}


def test_positions_that_have_become_small_are_measured_and_small_ones_by_design_are_not(
    home: Home, shelf: Shelf
) -> None:
    sha256 = shelf.put("v1")
    signals = published(700, 800, 0.125)
    metrics = monitor(context(home), monitor_request(sha256, signals)).live
    assert metrics is not None
    assert number(metrics, "strength") == 0.125
    path = home.model(SYMBOL, NAME, "v1") / MANIFEST
    manifest = json.loads(path.read_bytes())
    manifest["reference"]["position_size"]["median"] = 0.25
    path.write_text(json.dumps(manifest), encoding="utf-8")
    by_design = monitor(context(home), monitor_request(manifest_sha256(path.parent), signals)).live
    assert by_design is not None
    assert (by_design.values["strength"], by_design.reasons["strength"]) == (None, "small_in_training")


def test_the_regime_is_that_of_the_last_bar_and_of_the_newest_training(home: Home, shelf: Shelf) -> None:
    codes = settled_regime(market(), 5)
    until = next(time for time in reversed(codes.index) if codes[time] != codes.iloc[-1] and codes[time] >= 0.0)
    request = monitor_request(shelf.put("v1"))
    regimes = [
        monitor(context(home), request.model_copy(update={"trained_until": time})).regimes
        for time in (until.to_pydatetime(), codes.index[5].to_pydatetime())
    ]
    volatility = {name: regimes[0].values[name] for name in (REGIME_TRAINED, REGIME_NOW)}
    assert volatility == {REGIME_TRAINED: codes[until], REGIME_NOW: codes.iloc[-1]}
    directions = settled_direction(market(), until.to_pydatetime(), 5)
    assert regimes[0].values[DIRECTION_NOW] == directions.iloc[-1]
    assert regimes[0].values[DIRECTION_TRAINED] == directions[until]
    assert regimes[1].reasons == dict.fromkeys((REGIME_TRAINED, DIRECTION_TRAINED, DIRECTION_NOW), "too_few_bars")


def test_a_model_of_members_shows_what_the_least_useful_of_them_adds(home: Home, shelf: Shelf) -> None:
    artifact = loaded(home, SYMBOL, NAME, VersionRef(name="v1", manifest_sha256=shelf.put("v1")))
    version = judged_version(context(home), artifact, artifact_inputs(home))
    whole, without = AccountFigures(1.0, None, None), AccountFigures(0.25, None, None)
    compared = [MemberComparison(name, "", "", 1, whole, other) for name, other in (("rl", without), ("news", whole))]
    some = replace(version, evidence=ModelEvidence(comparisons=tuple(compared)))
    assert with_members(MonitoredMetrics(values={}), some).values == {"member_gain": 0.0}
    assert with_members(MonitoredMetrics(values={}), version).values == {}
    undefined = replace(compared[0], without=AccountFigures(None, None, None))
    some = replace(version, evidence=ModelEvidence(comparisons=(undefined,)))
    assert with_members(MonitoredMetrics(values={}), some).reasons == {"member_gain": "zero_variance"}


def test_signals_that_are_not_the_models_own_ways_are_drift(home: Home, shelf: Shelf) -> None:
    metrics = measured(home, shelf, published(700, 800, -1.0)).live
    assert metrics is not None
    assert number(metrics, "side_psi") > 1.0 > metrics.by_chance["side_psi"]


def test_an_experts_log_that_ends_before_the_bars_measures_nothing_of_them(home: Home, shelf: Shelf) -> None:
    write_log(home, 600)
    metrics = measured(home, shelf).evaluation
    assert (metrics.values["accuracy"], metrics.reasons["accuracy"]) == (None, "too_few_bars")


def test_without_a_log_there_is_no_accuracy_and_without_bars_no_drift(home: Home, shelf: Shelf) -> None:
    result = measured(home, shelf, published(700, 720, 1.0))
    assert result.evaluation.reasons == {"accuracy": "no_expert", "calibration_error": "no_expert"}
    assert result.live is not None
    assert result.live.reasons == {
        "action_psi": "too_few_bars",
        "side_psi": "too_few_bars",
        "drifted_features": "too_few_bars",
        "accuracy": "no_expert",
        "calibration_error": "no_expert",
        "strength": "too_few_bars",
    }


def test_without_published_signals_there_is_nothing_live(home: Home, shelf: Shelf) -> None:
    assert measured(home, shelf).live is None


def test_a_version_without_a_record_is_monitored_by_what_it_decides_itself(home: Home) -> None:
    shelf = Shelf(home)
    shelf.store(market().head(600))
    metrics = measured(home, shelf).evaluation
    assert metrics.reasons == {"accuracy": "no_expert", "calibration_error": "no_expert"}
    assert number(metrics, "side_psi") < max(0.25, metrics.by_chance["side_psi"])


def test_drift_is_of_the_versions_own_decisions_and_quality_of_its_recipes_unseen_ones(home: Home) -> None:
    with linear_registered():
        recorded = RecordedHome(home)
        recorded.store(400)
        recorded.extend()
        version = recorded.save_version("v1", 400)
        late = published(200, 400, -1.0)
        short = [signal.model_copy(update={"published_at": signal.bar_time + timedelta(hours=1)}) for signal in late]
        own, with_record, with_live = (
            monitor(
                recorded.context,
                MonitorRequest(
                    subject=SYMBOL, model_type=LINEAR, version=version, record=record, signals=(), trained_until=NOW
                ),
            ).evaluation
            for record in (None, recorded.reference(), recorded.reference(*short))
        )
    assert number(own, "side_psi") == number(with_record, "side_psi") == number(with_live, "side_psi") < 0.25


def test_a_version_from_before_there_were_references_has_a_reason(home: Home, shelf: Shelf) -> None:
    shelf.put("v1")
    path = home.model(SYMBOL, NAME, "v1") / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"reference": None}), encoding="utf-8")
    metrics = monitor(context(home), monitor_request(manifest_sha256(path.parent))).evaluation
    assert metrics.reasons["side_psi"] == "no_reference"


def test_a_log_that_cannot_be_read_is_not_taken_for_none(home: Home, shelf: Shelf) -> None:
    home.expert_logs.mkdir(parents=True)
    pd.DataFrame({"when": [1]}).to_csv(home.expert_logs / f"{SYMBOL}.csv")
    with pytest.raises(NightdeskError, match="date"):
        measured(home, shelf)
