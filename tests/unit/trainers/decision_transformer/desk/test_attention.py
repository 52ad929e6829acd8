from __future__ import annotations

from datetime import timedelta
from typing import get_args

import numpy as np
import pytest

from data_pipeline.trader_logs.inputs import market_rows
from tests.support.markets import planted_trader
from trainers import TraderDecisionTransformer
from trainers.decision_transformer.desk.attention import attention_by_action
from trainers.decision_transformer.desk.markets import Scales, settled_markets
from trainers.decision_transformer.params import DecisionTransformerParams, Tokens


@pytest.mark.parametrize("tokens", get_args(Tokens))
def test_attention_is_shared_out_over_kinds_and_ages_of_tokens(tokens: Tokens) -> None:
    params = DecisionTransformerParams.model_validate({**planted_trader.SMALL_PARAMS, "tokens": tokens})
    inputs = planted_trader.inputs(2)
    markets = settled_markets(market_rows(inputs), inputs.times[0], inputs.times[-1] + timedelta(minutes=1))
    scales = Scales.fit(markets, params)
    network = TraderDecisionTransformer.of(params.network(len(scales.names), 1.0))
    attention = attention_by_action(network, scales, markets)
    weights = np.array(attention["weights"])
    assert weights.shape == (len(attention["rows"]), 5 if tokens == "concatenated" else 15)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    if tokens == "interleaved":  # the action of this bar is never seen
        unseen = attention["columns"].index("action, this bar")
        assert not weights[:, unseen].any()
        assert weights[:, attention["columns"].index("state, this bar")].all()
