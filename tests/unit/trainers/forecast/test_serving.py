"""A network that is served without torch forecasts what torch does, whichever other windows are asked for with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainers.forecast.networks import make_network
from trainers.forecast.serving import outputs_of

WINDOW = 15
ROWS = np.random.default_rng(0).normal(size=(120, 5))
NETWORKS = [
    ("lstm", 8, 1),
    ("lstm", 6, 2),
    ("transformer", 16, 1),
    ("transformer", 6, 2),
    ("transformer", 20, 1),
    ("cnn", 8, 1),
    ("cnn", 8, 3),
]


def network(name: str, hidden: int, layers: int) -> torch.nn.Module:
    torch.manual_seed(0)
    made = make_network(name, features=5, window=WINDOW, hidden=hidden, layers=layers, dropout=0.5, outputs=3)
    return made.double().eval()


def arrays(made: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in made.state_dict().items()}


@pytest.mark.parametrize(("name", "hidden", "layers"), NETWORKS)
def test_it_forecasts_what_torch_does(name: str, hidden: int, layers: int) -> None:
    made, ends = network(name, hidden, layers), np.arange(WINDOW - 1, 120)
    windows = torch.tensor(ROWS)[torch.tensor(ends)[:, None] + torch.arange(1 - WINDOW, 1)]
    with torch.no_grad():
        expected = made(windows).numpy()
    np.testing.assert_allclose(outputs_of(name, arrays(made), ROWS, ends, WINDOW), expected, atol=1e-6)


@pytest.mark.parametrize(("name", "hidden", "layers"), NETWORKS)
@pytest.mark.parametrize("cut", [WINDOW, 40, 119])
def test_no_bit_depends_on_later_rows_or_on_other_windows(name: str, hidden: int, layers: int, cut: int) -> None:
    tensors, ends = arrays(network(name, hidden, layers)), np.arange(WINDOW - 1, 120)
    whole = outputs_of(name, tensors, ROWS, ends, WINDOW)
    earlier = ends[ends < cut]
    assert np.array_equal(outputs_of(name, tensors, ROWS[:cut], earlier, WINDOW), whole[: len(earlier)])
    assert np.array_equal(outputs_of(name, tensors, ROWS, ends[-1:], WINDOW), whole[-1:])


def test_no_window_has_no_forecast() -> None:
    tensors = arrays(network("lstm", 8, 1))
    assert outputs_of("lstm", tensors, ROWS, np.array([], np.int64), WINDOW).shape == (0, 3)
