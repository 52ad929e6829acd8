"""What a terminal says of an evaluation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from config.paths import Home
from config.settings import Promotion
from daemon.cli.reports import show_evaluation
from evaluation import backtest, judge, run_baselines, write_report
from tests.support.markets.prices import series, walk

FIGURES = {"sharpe_ratio": 1.0, "total_return": 2.0, "max_drawdown": -3.0, "trades": 4}


def verdict(version: str, **more: Any) -> dict[str, Any]:
    report = f"results/evaluation-1/AAPL/cloner/{version}"
    return {"verdict": "inconclusive", "reasons": ["sharpe_diff"], "serves": False, "report": report, **FIGURES, **more}


@pytest.fixture
def judged(home: Home) -> str:
    """The sentence of a report in the home."""
    bars = walk(60)
    target = series(np.where(np.arange(60) // 7 % 2, 0.9, 0.0), bars)
    test = backtest(bars, target)
    finding = judge(test, None, Promotion())
    subject = {"symbol": "AAPL", "model_type": "cloner", "version": "v1", "provenance": "sample"}
    write_report(
        home.result("evaluation-1") / "AAPL" / "cloner" / "v1",
        subject=subject,
        challenger=test,
        baselines=run_baselines(bars, target, draws=3).backtests,
        verdict=finding,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return finding.verdict


def test_one_model_is_printed_with_every_metric_its_unit_and_its_reason(home: Home, judged: str, capsys) -> None:
    show_evaluation(home, {"verdicts": {"AAPL/cloner": verdict("v1")}})
    output = capsys.readouterr().out
    assert "AAPL/cloner on 60 unseen bars. Not shown to be better than cash:" in output
    assert judged == "inconclusive"
    lines = {line[:33].strip(): line for line in output.splitlines()}
    assert "%" in lines["Volatility, annualised"]
    assert "no variance" in lines["Sharpe ratio"]
    assert "times a year" in lines["Turnover"]
    assert "zero_variance" not in output
    assert "results/evaluation-1/AAPL/cloner/v1/report.html" in output


def test_many_models_are_printed_a_line_each_with_the_recommendation(home: Home, capsys) -> None:
    verdicts = {"AAPL/cloner": verdict("v1"), "MSFT/cloner": verdict("v2", verdict="better", serves=True)}
    recommended = {
        symbol: {"recommendation": "Stay in cash.", "report": f"results/evaluation-1/{symbol}"}
        for symbol in ("AAPL", "MSFT")
    }
    show_evaluation(home, {"verdicts": verdicts, "recommendations": recommended})
    output = capsys.readouterr().out
    assert "it did not earn clearly more for the risk it took" in output
    assert "it earned clearly more for the risk it took" in output
    assert "AAPL: Stay in cash." in output
    assert "Models of AAPL: results/evaluation-1/AAPL/model_comparison.html" in output
    assert "All models: results/evaluation-1/model_comparison.html" in output
    assert "Volatility" not in output


def test_a_report_that_is_gone_takes_nothing_else_with_it(home: Home, capsys) -> None:
    show_evaluation(home, {"verdicts": {"AAPL/cloner": verdict("swept")}})
    assert "inconclusive" in capsys.readouterr().out
