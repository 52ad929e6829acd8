"""What a terminal says of an evaluation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from config.paths import Home
from daemon.cli.reports import show_evaluation
from evaluation import backtest, run_baselines, write_report
from tests.support.markets.prices import series, walk
from tests.support.models.report_parts import first_decision, standing_part

FIGURES = {"sharpe_ratio": 1.0, "total_return": 2.0, "max_drawdown": -3.0, "trades": 4}


def verdict(version: str, **more: Any) -> dict[str, Any]:
    report = f"results/evaluation-1/AAPL/cloner/{version}"
    base = {"verdict": "refused", "reasons": ["not_surely_better"], "note": "", "standing": "unproven"}
    return {**base, "sentence": "Its record is short.", "serves": False, "report": report, **FIGURES, **more}


@pytest.fixture
def report(home: Home) -> None:
    """A report in the home."""
    bars = walk(60)
    target = series(np.where(np.arange(60) // 7 % 2, 0.9, 0.0), bars)
    test = backtest(bars, target)
    subject = {"symbol": "AAPL", "model_type": "cloner", "version": "v1", "provenance": "sample"}
    write_report(
        home.result("evaluation-1") / "AAPL" / "cloner" / "v1",
        subject=subject,
        model=test,
        baselines=run_baselines(bars, target, draws=3).backtests,
        decision=first_decision(),
        standing=standing_part(),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_one_model_is_printed_with_every_metric_its_unit_and_its_reason(home: Home, report: None, capsys) -> None:
    show_evaluation(home, {"verdicts": {"AAPL/cloner": verdict("v1")}})
    output = capsys.readouterr().out
    assert "AAPL/cloner: Its record is short. Does not serve: its record is not surely better" in output
    assert "AAPL/cloner on a record of 60 bars: unproven. Earned nothing that cash would not have earned" in output
    lines = {line[:33].strip(): line for line in output.splitlines()}
    assert "%" in lines["Volatility, annualised"]
    assert "no variance" in lines["Sharpe ratio"]
    assert "times a year" in lines["Turnover"]
    assert "zero_variance" not in output
    assert "results/evaluation-1/AAPL/cloner/v1/report.html" in output


def test_many_models_are_printed_a_line_each_with_the_recommendation(home: Home, capsys) -> None:
    verdicts = {
        "AAPL/cloner": verdict("v1"),
        "MSFT/cloner": verdict("v2", verdict="takes_over", reasons=["refresh"], standing="proven", serves=True),
    }
    recommended = {
        symbol: {"recommendation": "Stay in cash.", "report": f"results/evaluation-1/{symbol}"}
        for symbol in ("AAPL", "MSFT")
    }
    show_evaluation(home, {"verdicts": verdicts, "recommendations": recommended})
    output = capsys.readouterr().out
    assert "AAPL/cloner: Its record is short. Does not serve: its record is not surely better" in output
    assert "MSFT/cloner: Its record is short. Takes over: it is its champion on newer data" in output
    assert "proven" in output
    assert "AAPL: Stay in cash." in output
    assert "Models of AAPL: results/evaluation-1/AAPL/model_comparison.html" in output
    assert "All models: results/evaluation-1/model_comparison.html" in output
    assert "Volatility" not in output


def test_a_report_that_is_gone_takes_nothing_else_with_it(home: Home, capsys) -> None:
    show_evaluation(home, {"verdicts": {"AAPL/cloner": verdict("swept")}})
    assert "unproven" in capsys.readouterr().out


def test_a_champion_that_stopped_is_named(home: Home, capsys) -> None:
    show_evaluation(home, {"verdicts": {}, "stopped": ["AAPL/cloner v1 stopped serving: its recipe is refuted"]})
    assert "AAPL/cloner v1 stopped serving: its recipe is refuted" in capsys.readouterr().out


def test_a_copy_of_a_trader_is_printed_with_its_answer_and_no_account(home: Home, capsys) -> None:
    interval = {"estimate": 46.2, "low": 42.0, "high": 50.0}
    folder = home.result("evaluation-1") / "AAPL" / "cloner" / "v1"
    folder.mkdir(parents=True)
    document = {
        "kind": "imitation",
        "answer": "Perhaps, but not surely: this model copies 46.2 %.",
        "subject": {"provenance": "bucket"},
        "evidence": {"rows": [{"name": "last_fill", "accuracy": interval, "balanced_accuracy": interval}]},
    }
    (folder / "report.json").write_text(json.dumps(document))
    copy = verdict("v1", **dict.fromkeys(FIGURES), copied=46.2, gain=9.1)
    show_evaluation(home, {"verdicts": {"trader:0x6031/cloner": copy}})
    output = capsys.readouterr().out
    assert "can this trader be copied? Perhaps, but not surely: this model copies 46.2 %." in output
    assert "following its last trade" in output
    assert "46.2 (42.0 to 50.0)" in output
    assert "copied %" in output
