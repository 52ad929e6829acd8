from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from config.errors import NightdeskError
from evaluation.metrics.formulas import UndefinedError, sharpe_ratio
from evaluation.statistics.overfitting import overfitting

NOISE = np.random.default_rng(1).normal(0.0005, 0.01, (200, 7))


def by_hand(returns: np.ndarray, blocks: int) -> tuple[float, float, float]:
    """The paper's recipe, split after split."""
    pieces = np.split(returns, blocks)
    poor, lost, ranks = [], [], []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([pieces[block] for block in half])
        outside = np.concatenate([pieces[block] for block in range(blocks) if block not in half])
        best = int(np.argmax([sharpe_ratio(column, 1.0) for column in inside.T]))
        sharpes = [sharpe_ratio(column, 1.0) for column in outside.T]
        rank = 1 + sum(other < sharpes[best] for other in sharpes)
        relative = rank / (len(sharpes) + 1)
        poor.append(np.log(relative / (1.0 - relative)) <= 0.0)
        lost.append(sharpes[best] < 0.0)
        ranks.append((rank - 1) / (len(sharpes) - 1))
    return float(np.mean(poor)), float(np.mean(lost)), float(np.mean(ranks))


@pytest.mark.parametrize("blocks", [2, 4, 8, 10])
def test_the_probability_is_that_of_the_papers_recipe(blocks: int) -> None:
    measured = overfitting(NOISE, blocks)
    assert (measured.probability, measured.loss, measured.rank) == pytest.approx(by_hand(NOISE, blocks))
    assert (measured.configurations, measured.blocks) == (7, blocks)
    assert measured.splits == len(list(combinations(range(blocks), blocks // 2)))


def test_scale_and_order_of_configurations_do_not_matter() -> None:
    measured = overfitting(NOISE, 8)
    assert overfitting(NOISE[:, ::-1] * np.linspace(0.1, 10.0, 7), 8) == measured


def test_the_oldest_bars_that_fill_no_block_are_not_used() -> None:
    assert overfitting(np.vstack([np.full((3, 7), 0.5), NOISE]), 8) == overfitting(NOISE, 8)


def test_equals_share_their_rank() -> None:
    same = np.repeat(NOISE[:, :1], 5, axis=1)
    assert overfitting(same, 8).rank == pytest.approx(0.5)


def test_a_configuration_without_trades_in_a_half_is_ranked_as_zero() -> None:
    idle = NOISE.copy()
    idle[:100, 3] = 0.0
    assert 0.0 <= overfitting(idle, 2).probability <= 1.0


@pytest.mark.parametrize(
    ("returns", "blocks", "says"),
    [
        (NOISE, 3, "blocks is 3"),
        (NOISE[:, :1], 4, "1 configuration"),
        (NOISE[:, 0], 4, "not a table"),
        (np.where(NOISE > 0.01, np.nan, NOISE), 4, "finite numbers"),
    ],
)
def test_what_cannot_be_split_is_refused_by_name(returns: np.ndarray, blocks: int, says: str) -> None:
    with pytest.raises(NightdeskError, match=says) as caught:
        overfitting(returns, blocks)
    assert caught.value.code == "overfitting.invalid"


@pytest.mark.parametrize(
    ("returns", "reason"),
    [(NOISE[:15], "too_short"), (NOISE * np.array([1, 1, 1, 0, 1, 1, 1]), "zero_variance")],
)
def test_what_is_undefined_has_a_reason(returns: np.ndarray, reason: str) -> None:
    with pytest.raises(UndefinedError, match=reason):
        overfitting(returns, 8)
