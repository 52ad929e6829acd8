"""Randomness: a state of the global random generators that belongs to one agent, isolated from all other draws."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]


class Randomness:
    """The state of torch's, numpy's and Python's generators, which stable-baselines3 draws from.

    Within `active()` the global generators have this state; afterwards their previous state is restored.
    """

    def __init__(self, seed: int) -> None:
        self._active = False
        before = _globals()
        self.seed(seed)
        self._kept = _globals()
        _set_globals(before)

    def seed(self, seed: int) -> None:
        """Reseed the global generators; call it within `active()`."""
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Draw from this state inside the context; entering it again has no effect."""
        if self._active:
            yield
            return
        outside = _globals()
        _set_globals(self._kept)
        self._active = True
        try:
            yield
        finally:
            self._kept, self._active = _globals(), False
            _set_globals(outside)

    def state(self) -> State:
        """The present state of the generators."""
        return _globals() if self._active else self._kept

    def restore(self, state: State) -> None:
        """Restore an earlier `state()`; an invalid one raises and changes nothing."""
        before = _globals()
        try:
            _set_globals(state)
            self._kept = state
        except BaseException:
            _set_globals(before)
            raise
        if not self._active:
            _set_globals(before)


def _globals() -> State:
    legacy = np.random.get_state(legacy=False)
    version, words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state().numpy().copy(),
        "numpy": legacy["state"]["key"].copy(),
        "numpy_position": np.array([legacy["state"]["pos"], legacy["has_gauss"]], dtype=np.int64),
        "numpy_gauss": np.array([legacy["gauss"]]),
        "python": np.array([version, *words], dtype=np.int64),
        "python_gauss": np.array([np.nan if gauss is None else gauss]),
    }


def _set_globals(state: State) -> None:
    torch.set_rng_state(torch.from_numpy(state["torch"].copy()))
    position, has_gauss = (int(number) for number in state["numpy_position"])
    np.random.set_state(
        {
            "bit_generator": "MT19937",
            "state": {"key": state["numpy"], "pos": position},
            "has_gauss": has_gauss,
            "gauss": float(state["numpy_gauss"][0]),
        }
    )
    version, *words = (int(word) for word in state["python"])
    gauss = float(state["python_gauss"][0])
    random.setstate((version, tuple(words), None if np.isnan(gauss) else gauss))
