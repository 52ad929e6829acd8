from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from data_pipeline.trader_logs.inputs import market_rows
from data_pipeline.trader_logs.states import NAMES, SCALED
from tests.support.markets import planted_trader
from trainers.decision_transformer.desk.markets import (
    Market,
    Scales,
    mirrored,
    settled_markets,
    split_by_time,
    with_mirrors,
)
from trainers.decision_transformer.params import DecisionTransformerParams

PARAMS = DecisionTransformerParams.model_validate(planted_trader.SMALL_PARAMS)


def markets(count: int = 5) -> list[Market]:
    inputs = planted_trader.inputs(count)
    return settled_markets(market_rows(inputs), inputs.times[0], inputs.times[-1] + timedelta(minutes=1))


def test_markets_that_are_not_settled_by_the_end_are_left_out() -> None:
    inputs = planted_trader.inputs(3)
    rows = market_rows(inputs)
    settled = rows["planted-1"].settled
    assert settled is not None
    names = [market.name for market in settled_markets(rows, inputs.times[0], settled)]
    assert names == ["planted-0", "planted-1"]
    assert len(settled_markets(rows, inputs.times[0], settled - timedelta(seconds=1))) == 1


def test_rows_before_the_span_are_read_and_do_not_count() -> None:
    inputs = planted_trader.inputs(3)
    start = inputs.times[10]
    used = settled_markets(market_rows(inputs), start, inputs.times[-1] + timedelta(minutes=1))
    assert [market.first for market in used] == [10, 0, 0]
    sequences, windows = Scales.fit(used, PARAMS).sequences(used, context=32)
    batch = sequences.cut(windows)
    assert len(sequences) == 3 * 48
    assert int(batch.counted.sum()) == 3 * 48 - 10


def test_the_newest_markets_are_held_back_and_those_settled_after_they_begin_are_left_out() -> None:
    some = markets(5)
    early, late = split_by_time(some, 0.4)
    assert ([market.name[-1] for market in early], [market.name[-1] for market in late]) == (list("012"), list("34"))
    after = Market(some[2].name, some[2].rows, 0, (late[0].begins + pd.Timedelta(seconds=1)).to_pydatetime())
    early, _ = split_by_time([*some[:2], after, *some[3:]], 0.4)
    assert [market.name[-1] for market in early] == list("01")
    assert split_by_time(some[:1], 0.4) == (some[:1], [])


def test_a_market_that_is_settled_just_as_the_first_of_the_newest_begins_is_not_learned_from_for_it() -> None:
    some = markets(4)
    seamless = replace(some[2], settled=some[3].begins.to_pydatetime())
    early, late = split_by_time([*some[:2], seamless, some[3]], 0.25)
    assert (early, late) == (some[:2], [some[3]])


def test_scales_are_those_of_the_rows_of_the_training() -> None:
    some = markets(3)
    scales = Scales.fit(some, PARAMS)
    raw = np.concatenate([market.rows.states.to_numpy()[:, :SCALED] for market in some])
    np.testing.assert_allclose(scales.centre, raw.mean(axis=0))
    np.testing.assert_allclose(scales.spread, raw.std(axis=0))
    amounts = np.abs(np.concatenate([market.rows.net for market in some]))
    assert scales.strong_amount == np.quantile(amounts[amounts > 0], PARAMS.strong)
    to_go = np.concatenate([np.cumsum(market.rows.reward[::-1]) for market in some])
    assert scales.return_scale * to_go.std() == 1.0 or np.isclose(scales.return_scale * to_go.std(), 1.0)
    assert scales.target_return == np.median([market.earned for market in some])


def test_states_are_those_of_the_groups_in_their_order_and_bounded() -> None:
    some = markets(2)
    scales = Scales.fit(some, PARAMS.model_copy(update={"groups": ("base", "fills")}))
    assert scales.names[:17] == NAMES[:17]
    assert scales.names[17] == "fills_1"
    values = scales.states(some[0].rows)
    assert values.shape == (48, 22)
    assert np.abs(values).max() <= 10.0


def test_to_decide_the_return_to_go_is_the_target_less_what_was_earned() -> None:
    some = markets(2)
    scales = Scales.fit(some, PARAMS)
    rows = some[0].rows
    sequences = scales.for_target(rows, 0.02, 32)
    assert rows.gained[0] == 0.0
    np.testing.assert_allclose(sequences.returns_to_go, (0.02 - rows.gained) * scales.return_scale, rtol=1e-5)
    # At the end of the market what was earned is what the rewards add up to, for a trader who put all up before.
    assert np.isclose(rows.gained[-1], rows.reward[:-1].sum(), atol=0.05)


def test_a_mirrored_market_is_the_same_one_with_up_and_down_exchanged() -> None:
    inputs = planted_trader.inputs(2)
    rows, mirrors = market_rows(inputs), market_rows(mirrored(inputs))
    for name in rows:
        np.testing.assert_array_equal(mirrors[name].net, -rows[name].net)
        np.testing.assert_allclose(mirrors[name].reward, rows[name].reward, atol=1e-12)
        np.testing.assert_allclose(mirrors[name].gained, rows[name].gained, atol=1e-12)
        levels, opposite = rows[name].states["price_level"], mirrors[name].states["price_level"]
        np.testing.assert_allclose(opposite, -levels, atol=1e-12)
        np.testing.assert_allclose(mirrors[name].states["way_1"], -rows[name].states["way_1"])
    twice = market_rows(mirrored(mirrored(inputs)))
    np.testing.assert_allclose(twice["planted-0"].states, rows["planted-0"].states, atol=1e-9)


def test_mirrors_stand_behind_their_markets_and_exchange_buys_and_sells() -> None:
    inputs = planted_trader.inputs(2)
    end = inputs.times[-1] + timedelta(minutes=1)
    some = settled_markets(market_rows(inputs), inputs.times[0], end, market_rows(mirrored(inputs)))
    both = with_mirrors(some)
    assert [market.name for market in both] == ["planted-0", "planted-0", "planted-1", "planted-1"]
    scales = Scales.fit(some, PARAMS)
    for one, other in zip(both[::2], both[1::2], strict=True):
        np.testing.assert_array_equal(scales.actions(other.rows), 4 - scales.actions(one.rows))
    assert len(with_mirrors(markets(2))) == 2
