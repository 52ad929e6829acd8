"""Tasks of records over a stored market, with a model that trains in a moment: folds, revisions and live signals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from config.paths import Home
from config.settings import Settings
from daemon.domain.signals import PublishedSignal
from daemon.jobs.records.messages import RecordFacts, RecordResult
from data_pipeline.bars.bars import Bars
from tests.support.desks.recorded_home import MARKET, SETTINGS, RecordedHome
from tests.support.markets.easy import SYMBOL
from trainers import registry


def facts_of(result: RecordResult) -> RecordFacts:
    assert result.facts is not None
    return result.facts


def models(recorded: RecordedHome) -> list[str]:
    """The folds that have a stored model."""
    return [path.parent.name for path in sorted(recorded.keeper.folder.glob("*/model"))]


def test_a_record_covers_every_bar_after_the_first_training_span(recorded: RecordedHome) -> None:
    recorded.store(300)
    result = recorded.extend()
    assert (result.folds, result.missing, result.computed, result.fitted, result.restarted) == (5, 0, 5, 5, 0)
    facts = facts_of(result)
    assert (facts.first, facts.last) == (MARKET.frame.index[123], MARKET.frame.index[299])
    assert (facts.figures.bars, facts.live_from, facts.since_live) == (177, None, None)
    assert facts.on_history == facts.metrics
    assert result.provenance.label == "yahoo"
    assert RecordResult.model_validate_json(result.model_dump_json()) == result


def test_a_second_night_on_the_same_bars_computes_no_fold_and_trains_nothing(recorded: RecordedHome) -> None:
    recorded.store(300)
    first = recorded.extend()
    before = recorded.folds()
    second = recorded.extend()
    assert (second.computed, second.fitted, second.restarted, second.missing) == (0, 0, 0, 0)
    assert second.facts == first.facts
    assert recorded.folds() == before


def test_folds_of_older_code_are_computed_anew_and_count_as_another_try(recorded: RecordedHome, monkeypatch) -> None:
    recorded.store(300)
    recorded.extend()
    monkeypatch.setattr(registry, "revision", lambda _: 2)
    night = recorded.extend()
    assert (night.restarted, night.computed, night.fitted) == (5, 5, 5)
    assert recorded.extend().restarted == 0


def test_a_night_with_a_new_bar_extends_the_open_fold_without_a_training(recorded: RecordedHome) -> None:
    recorded.store(300)
    recorded.extend()
    [model] = models(recorded)
    recorded.store(301)
    night = recorded.extend()
    assert (night.computed, night.fitted, models(recorded)) == (1, 0, [model])
    assert facts_of(night).last == MARKET.frame.index[300]


def test_folds_that_grew_night_by_night_equal_folds_computed_at_once_to_the_last_bit(
    recorded: RecordedHome, tmp_path: Path
) -> None:
    recorded.store(305)
    recorded.extend()
    fitted = 0
    for bars in range(306, 336):
        recorded.store(bars)
        night = recorded.extend()
        fitted += night.fitted
        assert night.restarted == 0
    assert fitted == 1  # one fold begins within these thirty bars
    at_once = RecordedHome(Home(tmp_path / "other"))
    at_once.store(335)
    whole = at_once.extend()
    assert recorded.folds() == at_once.folds()
    assert night.facts == whole.facts


def test_a_fold_whose_test_is_over_keeps_no_model(recorded: RecordedHome) -> None:
    recorded.store(283)  # the fourth test ends with the last bar
    recorded.extend()
    assert models(recorded) == []


def test_newest_folds_are_computed_first_and_the_rest_follows(recorded: RecordedHome) -> None:
    recorded.store(300)
    first = recorded.extend(at_most=2)
    assert (first.computed, first.missing) == (2, 3)
    assert facts_of(first).first == MARKET.frame.index[123 + 3 * 40]
    second = recorded.extend(at_most=2)
    assert (second.computed, second.missing) == (2, 1)
    assert facts_of(second).first == MARKET.frame.index[123 + 40]


def test_a_first_look_computes_only_the_folds_of_the_newest_part(recorded: RecordedHome) -> None:
    recorded.store(400)
    look = recorded.extend(first_look=True)
    assert look.folds == 7
    assert (look.computed, look.missing) == (3, 4)  # the newest 80 of 400 bars
    assert recorded.extend(first_look=True).computed == 0


def test_a_revised_past_makes_the_folds_that_saw_it_new_and_no_other(recorded: RecordedHome) -> None:
    settings = Settings.model_validate(SETTINGS.model_dump() | {"training_params": {"lookback_days": 100}})
    short = RecordedHome(recorded.home, settings)
    short.store(300)
    short.extend()
    before = short.folds()
    frame = MARKET.head(300).frame.copy()
    frame.loc[frame.index[260] :, ["open", "high", "low", "close"]] *= 1.02
    short.store(Bars(frame, SYMBOL, "1d", "yahoo"))
    night = short.extend()
    after = short.folds()
    changed = [name for name in after if before[name] != after[name]]
    assert (night.restarted, night.fitted) == (2, 2)
    assert changed == sorted(after)[-2:]


def test_a_dividend_that_rescales_the_whole_past_restarts_nothing(recorded: RecordedHome) -> None:
    recorded.store(300)
    recorded.extend()
    before = recorded.folds()
    frame = MARKET.head(300).frame.copy()
    frame[["open", "high", "low", "close"]] *= 0.97
    recorded.store(Bars(frame, SYMBOL, "1d", "yahoo"))
    night = recorded.extend()
    assert (night.restarted, night.computed) == (0, 0)
    assert recorded.folds() == before


def test_folds_of_before_bars_came_in_front_are_deleted_and_no_other_file(recorded: RecordedHome) -> None:
    recorded.store(MARKET.head(300).since(MARKET.frame.index[10]))
    recorded.extend()
    before = recorded.folds()
    own = recorded.keeper.folder / "20190101000000-20190201000000" / "notes.txt"
    own.parent.mkdir()
    own.write_text("mine")
    recorded.store(300)
    recorded.extend()
    after = recorded.folds()
    assert len(before) == 5
    assert not before.keys() & after.keys()
    assert own.read_text() == "mine"
    recorded.store(250)
    recorded.extend()
    assert recorded.folds().keys() == after.keys(), "bars that are missing at the end may come back"


def test_live_signals_continue_the_record_in_the_place_of_its_folds(recorded: RecordedHome) -> None:
    recorded.store(300)
    without = recorded.extend()
    live = tuple(
        PublishedSignal(
            symbol=SYMBOL,
            bar_time=time,
            published_at=time + timedelta(hours=1),
            position=-1.0,
            confidence=0.9,
        )
        for time in MARKET.frame.index[280:300].to_pydatetime()
    )
    result = recorded.extend(published=live)
    facts = facts_of(result)
    assert facts.live_from == MARKET.frame.index[280]
    assert facts.since_live is not None
    assert facts.on_history is not None
    assert facts.metrics != facts_of(without).metrics
    record = recorded.keeper.record(live)
    assert record is not None
    assert (record.signals.position.iloc[-20:] == -1.0).all()
    assert record.live.sum() == 20
    history = recorded.keeper.record(())
    assert history is not None
    assert np.array_equal(record.signals.position.iloc[:-20], history.signals.position.iloc[:-20])


def test_a_damaged_fold_is_computed_again_and_ends_the_same(recorded: RecordedHome) -> None:
    recorded.store(300)
    recorded.extend()
    before = recorded.folds()
    path = recorded.keeper.folder / sorted(before)[1] / "fold.json"
    path.write_bytes(path.read_bytes()[:100])
    night = recorded.extend()
    assert (night.computed, night.fitted) == (1, 1)
    assert recorded.folds() == before


def test_a_history_too_short_for_a_fold_has_no_facts(recorded: RecordedHome) -> None:
    recorded.store(30)
    result = recorded.extend()
    assert (result.folds, result.facts) == (0, None)


def test_recipes_that_differ_in_a_parameter_have_records_of_their_own(recorded: RecordedHome) -> None:
    other = RecordedHome(
        recorded.home, Settings.model_validate(SETTINGS.model_dump() | {"model_params": {"linear": {"penalty": 0.5}}})
    )
    recorded.store(300)
    recorded.extend()
    assert other.keeper.folder != recorded.keeper.folder
    assert len(other.keeper.missing()) == 5
