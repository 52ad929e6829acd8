"""The example of a portfolio, and the one in the guide, on stored sample bars."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.paths import Home
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.documents import python_blocks

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def market(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for symbol in ("AAPL", "MSFT", "TSLA"):
        bars = SampleSource().fetch(symbol, "1d", datetime(2021, 1, 4, tzinfo=UTC), NOW)
        BarStore(home).save(bars, NOW)
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore::data_pipeline.loader.SampleDataWarning")
def test_the_example_divides_by_every_method_and_limits_a_strategy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["portfolio_example.py"])
    runpy.run_path(str(ROOT / "examples" / "portfolio_example.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    drawdowns = [float(line.split("drawdown")[1].split("%")[0]) for line in lines if "drawdown" in line]
    assert drawdowns[-2] < drawdowns[-1] < 0.0  # with limits it falls less than without


@pytest.mark.filterwarnings("ignore::data_pipeline.loader.SampleDataWarning")
def test_the_portfolio_in_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = [block for block in python_blocks(ROOT / "docs" / "python.md") if "PortfolioManager" in block]
    exec(compile(source, "python.md", "exec"), {})
    assert "AAPL" in capsys.readouterr().out
