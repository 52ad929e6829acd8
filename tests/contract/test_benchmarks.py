"""Benchmarks run seldom: what they import must still be there."""

from __future__ import annotations

from importlib import import_module

import pytest

from benchmarks.__main__ import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_imports_and_has_a_main(name: str) -> None:
    assert callable(import_module(f"benchmarks.{name}").main)
