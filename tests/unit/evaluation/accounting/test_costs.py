from __future__ import annotations

import math

import numpy as np
import pytest

from config.errors import NightdeskError
from config.settings import CostParams
from evaluation import Costs, backtest
from evaluation.accounting.account import Rates
from tests.support.markets.prices import series, walk


def test_the_defaults_are_those_of_the_settings():
    assert Costs.of(CostParams()) == Costs()


def test_every_cost_of_the_settings_is_taken():
    params = CostParams(commission=0.002, slippage=0.001, borrow=0.03, commission_minimum=1.5, cash_interest=0.02)
    assert Costs.of(params) == Costs(0.002, 0.001, 0.03, 1.5, 0.02)


def test_a_year_falls_on_its_bars_in_equal_parts():
    costs = Costs(0.002, 0.001, 0.03, 1.5, 0.06)
    assert costs.rates(100.0) == Rates(0.002, 0.001, 0.03 / 100.0, 1.5, 0.06 / 100.0)
    assert Costs(0, 0).rates(None) == Rates(0.0, 0.0, 0.0)
    assert all(isinstance(rate, float) for rate in Costs(0, 0).rates(None))


def test_scaling_scales_what_is_paid_and_not_what_cash_earns():
    assert Costs(0.002, 0.001, 0.03, 1.5, 0.02).scaled(2.0) == Costs(0.004, 0.002, 0.06, 3.0, 0.02)
    assert Costs().scaled(1.0) == Costs()
    assert Costs(borrow=0.1, commission_minimum=1.0).scaled(0.0) == Costs(0.0, 0.0)


@pytest.mark.parametrize("name", ["commission", "slippage", "borrow", "cash_interest"])
@pytest.mark.parametrize("rate", [-0.001, 1.0, math.nan])
def test_costs_are_rates(name, rate):
    with pytest.raises(NightdeskError, match=f"cost {name} is {rate}") as error:
        Costs(**{name: rate})
    assert error.value.code == "costs.invalid"
    assert error.value.cure


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf])
def test_a_minimum_is_an_amount_of_money(amount):
    with pytest.raises(NightdeskError, match=f"commission_minimum is {amount}") as error:
        Costs(commission_minimum=amount)
    assert error.value.code == "costs.invalid"


@pytest.mark.parametrize(("costs", "named"), [(Costs(borrow=0.01), "Borrow"), (Costs(cash_interest=0.01), "Cash int")])
def test_yearly_rates_need_the_bars_a_year(costs, named):
    bars = walk(10).reset_index(drop=True)
    with pytest.raises(NightdeskError, match=named) as error:
        backtest(bars, series(np.zeros(10), bars), costs)
    assert error.value.cure == "Pass periods_per_year."
