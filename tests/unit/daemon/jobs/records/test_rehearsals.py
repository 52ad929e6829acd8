"""Rehearsals of a retraining, and what they catch: broken retrainings of a recipe whose sound ones serve."""

from __future__ import annotations

from datetime import datetime

import pytest

from daemon.domain.tasks import VersionRef
from daemon.jobs.evaluation.messages import EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.tasks import evaluate
from daemon.jobs.records.messages import RehearseRequest, RehearseResult
from daemon.jobs.records.rehearsals import next_lag, rehearsed
from daemon.jobs.records.tasks import rehearse
from daemon.jobs.trainings import training_span, training_task
from daemon.jobs.versions import inputs_of
from evaluation.records.continuity import REHEARSALS
from tests.support.desks.recorded_home import MARKET, RecordedHome
from tests.support.markets.easy import SYMBOL
from tests.support.models.linear_type import LINEAR, LinearType, with_shuffled_labels
from trainers import TrainingContext

END: datetime = MARKET.frame.index[299].to_pydatetime()


def rehearsal(recorded: RecordedHome, lag: int = 1) -> RehearseResult:
    """Rehearse a retraining so many bars after what serves, which has learned up to the last bar."""
    last, before = (recorded.keeper.inputs.times[row].to_pydatetime() for row in (-1, -1 - lag))
    request = RehearseRequest.of(recorded.recipe, serving_until=last, trained_until=(last, before))
    return rehearse(recorded.context, request)


@pytest.fixture
def stored(recorded: RecordedHome) -> RecordedHome:
    """A home with 300 bars and the record over them."""
    recorded.store(300)
    recorded.extend()
    return recorded


def refresh(stored: RecordedHome, challenger: VersionRef, champion: VersionRef) -> EvaluateResult:
    request = EvaluateRequest.of(
        stored.recipe,
        run="run",
        case="refresh",
        challenger=challenger,
        champion=champion,
        record=stored.reference(),
        challenges=1,
        tried=1,
        sample_teacher=False,
        pinned=False,
    )
    return evaluate(stored.context, request)


def test_a_retraining_is_rehearsed_at_eight_earlier_dates(stored: RecordedHome) -> None:
    result = rehearsal(stored)
    assert (result.rehearsals, result.missing) == (REHEARSALS, 0)
    likenesses = rehearsed(stored.keeper, 1, MARKET.frame.index[320].to_pydatetime())
    assert len(likenesses) == REHEARSALS
    assert min(each.agreement for each in likenesses) > 0.9


def test_rehearsals_are_computed_once(stored: RecordedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal(stored)
    trained: list[datetime] = []
    train = LinearType.train
    monkeypatch.setattr(
        LinearType, "train", lambda self, task, context: (trained.append(task.train_end), train(self, task, context))[1]
    )
    assert rehearsal(stored).missing == 0
    assert trained == []
    stored.store(301)
    assert rehearsal(stored).missing == 0
    assert trained == [MARKET.frame.index[300], MARKET.frame.index[299]]


def test_a_history_too_short_for_all_rehearsals_makes_those_it_can(recorded: RecordedHome) -> None:
    recorded.store(300)
    result = rehearsal(recorded, lag=90)
    assert (result.rehearsals, result.missing) == (3, REHEARSALS - 3)


def test_only_rehearsals_before_the_judged_training_count(stored: RecordedHome) -> None:
    rehearsal(stored)
    assert len(rehearsed(stored.keeper, 1, END)) == REHEARSALS - 1
    assert len(rehearsed(stored.keeper, 2, END)) == 0


def test_after_a_night_that_was_missed_the_rehearsals_of_the_nearest_lag_stand_in(stored: RecordedHome) -> None:
    rehearsal(stored)
    stored.store(302)
    later = MARKET.frame.index[301].to_pydatetime()
    assert rehearsed(stored.keeper, 2, later) == rehearsed(stored.keeper, 1, later)
    assert len(rehearsed(stored.keeper, 2, later)) == REHEARSALS


def test_what_was_held_back_is_rehearsed_at_the_distance_it_will_have_tomorrow(stored: RecordedHome) -> None:
    times = [time.to_pydatetime() for time in stored.keeper.inputs.times]
    assert next_lag(stored.keeper, times[-1], (times[-1],)) == 1
    assert next_lag(stored.keeper, times[-2], (times[-1], times[-2])) == 2  # last night's retraining was held back
    assert next_lag(stored.keeper, times[-1], (times[-1], times[-6])) == 5  # trained once a week


def test_a_sound_retraining_takes_over_first_with_a_note_and_then_by_its_rehearsals(stored: RecordedHome) -> None:
    champion, challenger = stored.save_version("v1", 299), stored.save_version("v2", 300)
    first = refresh(stored, challenger, champion)
    assert (first.outcome, first.reasons) == ("takes_over", ("refresh_unrehearsed",))
    assert first.note == f"0 of {REHEARSALS} rehearsals exist"
    rehearsal(stored)
    stored.store(301)
    rehearsal(stored)  # what was tonight's retraining is one of the earlier ones now
    newest = stored.save_version("v3", 301)
    assert refresh(stored, newest, challenger).reasons == ("refresh",)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("flipped sign", "discontinuous"), ("shuffled labels", "discontinuous")],
)
def test_a_broken_retraining_is_held_back(stored: RecordedHome, broken: str, reason: str) -> None:
    rehearsal(stored)
    stored.store(301)
    champion = stored.save_version("v1", 300)
    inputs = inputs_of(stored.context, SYMBOL, LINEAR)
    sound = LinearType().train(
        training_task(stored.context, stored.recipe, training_span(inputs, stored.recipe.lookback)), TrainingContext(0)
    )
    model = sound.flipped if broken == "flipped sign" else with_shuffled_labels(MARKET.head(301))
    result = refresh(stored, stored.save_version("v2", 301, model), champion)
    assert (result.outcome, result.reasons) == ("held_back", (reason,))
    assert "agrees with its predecessor" in result.note


def test_a_retraining_whose_inputs_were_rewritten_is_held_back(stored: RecordedHome) -> None:
    champion = stored.save_version("v1", 299)
    frame = MARKET.head(300).frame.copy()
    frame.loc[frame.index[250:290], ["open", "high", "low", "close"]] *= 1.1
    stored.store(type(MARKET)(frame, SYMBOL, "1d", "yahoo"))
    stored.extend()
    result = refresh(stored, stored.save_version("v2", 300), champion)
    assert (result.outcome, result.reasons) == ("held_back", ("inputs_differ",))
    assert "change_1" in result.note
