"""Many environments at once, as stable-baselines3 uses them; that each equals a single one is a property test."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor, VecTransposeImage

from config.errors import NightdeskError
from tests.support.markets.episodes import environment


class Holder:
    """A policy that is always fully long."""

    def predict(self, observations, state=None, episode_start=None, deterministic=True):
        return np.ones((len(observations), 1), np.float32), state


def test_an_episode_that_ends_is_summarised_and_followed_by_the_next():
    vector = environment(episode_length=4).vectorised(3, seed=0)
    vector.reset()
    for _ in range(3):
        *_, dones, infos = vector.step(np.zeros((3, 1), np.float32))
        assert not dones.any()
        assert infos == [{}, {}, {}]
    before = vector.get_state()["bar"]
    observations, _, dones, infos = vector.step(np.zeros((3, 1), np.float32))
    assert dones.all()
    for i, info in enumerate(infos):
        assert set(info) == {"terminal_observation", "TimeLimit.truncated", "episode"}
        assert info["TimeLimit.truncated"]
        assert info["episode"]["l"] == 4
        assert not np.array_equal(info["terminal_observation"], observations[i])
    assert (vector.get_state()["bars"] == 0).all()
    assert not np.array_equal(vector.get_state()["bar"], before + 1)


def test_a_drawdown_stop_is_no_time_limit():
    vector = environment(max_drawdown=1e-6, episode_length=40, random_start=False).vectorised(8, seed=0)
    vector.reset()
    for _ in range(10):
        *_, dones, infos = vector.step(np.ones((8, 1), np.float32))
        for i in np.flatnonzero(dones):
            assert not infos[i]["TimeLimit.truncated"]
            assert infos[i]["episode"]["l"] < 60


def test_what_was_returned_is_not_written_to_later():
    vector = environment(episode_length=5).vectorised(4, seed=0)
    arrays = [vector.reset()]
    copies = [arrays[0].copy()]
    for _ in range(12):
        returned = vector.step(np.full((4, 1), 0.5, np.float32))[:3]
        arrays += returned
        copies += [array.copy() for array in returned]
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_observations_are_what_the_last_step_showed():
    vector = environment().vectorised(4, seed=0)
    first = vector.reset()
    np.testing.assert_array_equal(vector.observations(), first)
    observations, *_ = vector.step(np.full((4, 1), 0.5, np.float32))
    np.testing.assert_array_equal(vector.observations(), observations)


def test_without_a_seed_episodes_differ():
    env = environment()
    first, second = env.vectorised(16), env.vectorised(16)
    assert not np.array_equal(first.reset(), second.reset())


def test_seeds_and_options_set_before_a_reset_hold_for_it_alone():
    vector = environment().vectorised(2, seed=3)
    first = vector.reset()
    vector.seed(3)
    np.testing.assert_array_equal(vector.reset(), first)
    vector.set_options({"symbol": "MIDDLE", "start": 9})
    vector.reset()
    assert vector.get_state()["bar"].tolist() == [209, 209]
    vector.reset()
    assert vector.get_state()["bar"].tolist() != [209, 209]


@pytest.mark.parametrize(
    ("actions", "bad"),
    [
        ("continuous", np.zeros((3, 1), np.float32)),
        ("continuous", np.zeros((2, 2), np.float32)),
        ("continuous", np.array([[0.0], [np.nan]], np.float32)),
        ("continuous", [["buy"], ["sell"]]),
        ("discrete", np.array([0, 3])),
        ("discrete", np.array([0.0, 0.5])),
        ("discrete", np.array([0])),
    ],
)
def test_actions_that_are_none_are_refused_and_nothing_is_played(actions, bad):
    vector = environment(actions=actions).vectorised(2, seed=0)
    vector.reset()
    before = vector.get_state()
    with pytest.raises(NightdeskError) as raised:
        vector.step(bad)
    assert raised.value.code == "environment.action"
    for name, values in vector.get_state().items():
        np.testing.assert_array_equal(values, before[name])


def test_nothing_is_played_or_seen_before_a_reset():
    vector = environment().vectorised(2)
    for call in (lambda: vector.step(np.zeros((2, 1), np.float32)), vector.observations):
        with pytest.raises(NightdeskError) as raised:
            call()
        assert raised.value.code == "environment.not_begun"


@pytest.mark.parametrize("n", [0, -1])
def test_there_is_at_least_one_environment(n):
    with pytest.raises(NightdeskError, match=str(n)):
        environment().vectorised(n)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: {name: values for name, values in state.items() if name != "cash"},
        lambda state: {name: values[:1] for name, values in state.items()},
        lambda state: state | {"cash": state["cash"].astype(np.float32)},
        lambda state: state | {"symbol": np.full(2, 7)},
        lambda state: state | {"symbol": np.full(2, -1)},
        lambda state: state | {"bar": np.full(2, 10**6)},
        lambda state: state | {"last": np.full(2, 10**6)},
    ],
    ids=["a field less", "fewer", "another type", "unknown symbol", "no symbol", "unknown bar", "unknown end"],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(spoil):
    vector = environment().vectorised(2, seed=0)
    vector.reset()
    before = vector.get_state()
    with pytest.raises(NightdeskError) as raised:
        vector.set_state(spoil(vector.get_state()))
    assert raised.value.code == "environment.state"
    for name, values in vector.get_state().items():
        np.testing.assert_array_equal(values, before[name])


def test_a_state_before_the_first_reset_can_be_kept_too():
    vector, other = (environment().vectorised(2, seed=1) for _ in range(2))
    other.set_state(vector.get_state())
    np.testing.assert_array_equal(vector.reset(), other.reset())


def test_it_reports_its_episodes_as_a_monitor_does():
    vector = environment(episode_length=10).vectorised(2, seed=0)
    assert vector.env_is_wrapped(Monitor) == [True, True]
    assert vector.env_is_wrapped(VecTransposeImage) == [False, False]
    rewards, lengths = evaluate_policy(Holder(), vector, n_eval_episodes=4, return_episode_rewards=True)
    with pytest.warns(UserWarning, match="already"):
        watched = VecMonitor(environment(episode_length=10).vectorised(2, seed=0))
    expected = evaluate_policy(Holder(), watched, n_eval_episodes=4, return_episode_rewards=True)
    assert lengths == expected[1]
    assert max(lengths) == 10
    assert rewards == pytest.approx(expected[0], abs=1e-5)


def test_single_environments_of_a_vector_cannot_be_changed():
    vector = environment().vectorised(2)
    assert vector.get_attr("market") == [vector.market] * 2
    for call in (lambda: vector.set_attr("market", None), lambda: vector.env_method("render")):
        with pytest.raises(NightdeskError) as raised:
            call()
        assert raised.value.code == "environment.attribute"
    vector.close()
