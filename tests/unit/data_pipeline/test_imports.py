"""Naming the package costs nothing; each part brings only what it uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "exchange_calendars", "talib", "yfinance", "curl_cffi", "sklearn", "torch", "matplotlib")


def _heavy_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "brings"),
    [
        ("import data_pipeline", set()),
        ("import data_pipeline.sources", set()),
        ("import data_pipeline.actions", set()),
        ("from data_pipeline import Bars, BarStore, DataLoader, load_expert_log", {"pandas"}),
        ("from data_pipeline.sources.sample import SampleSource", {"pandas"}),
        ("from data_pipeline import FeatureEngineer", {"pandas", "talib"}),
    ],
)
def test_an_import_brings_no_more_than_it_needs(statement: str, brings: set[str]) -> None:
    assert _heavy_after(statement) == brings


def test_every_name_of_the_package_is_there() -> None:
    import data_pipeline  # noqa: PLC0415

    for name in data_pipeline.__all__:
        assert getattr(data_pipeline, name).__name__ == name
    with pytest.raises(AttributeError, match="Loader"):
        _ = data_pipeline.Loader
