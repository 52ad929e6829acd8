"""The table of records that can be pasted into a document."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.cli.commands.serving import _show_markdown
from evaluation.records.figures import RecordFigures

AT = datetime(2026, 3, 4, tzinfo=UTC).isoformat()
FIGURES = RecordFigures(
    bars=2520, needed=252, years=10.0, trades=41, needed_trades=10, exposure=0.375, sharpe_ratio=0.8123,
    sharpe_low=0.31, sharpe_high=1.3, total_return=120.4, max_drawdown=-18.7, excess=8.0, active=4.0, before_costs=9.0,
    p_cash=0.01, p_exposure=0.02, p_alpha=0.02, p_random=0.03, p_worse=0.99, hold_return=200.6, hold_sharpe=0.7,
)  # fmt: skip


def record(**changes: Any) -> dict[str, Any]:
    plain = {
        "subject": "AAPL", "model_type": "ppo", "recipe": "c" * 64, "provenance": "sample", "seed": 42, "window": 1825,
        "standing": "unproven", "standing_since": AT, "sentence": "It is short.", "in_use": True, "folds": 8,
        "missing": 0, "first": AT, "last": AT, "live_from": None, "figures": asdict(FIGURES), "metrics": None,
        "on_history": None, "since_live": None, "updated_at": AT,
    }  # fmt: skip
    return plain | changes


def lines(capsys: pytest.CaptureFixture[str], *records: dict[str, Any]) -> list[str]:
    _show_markdown({"tried": 3, "confidence": 0.95, "items": list(records)})
    return capsys.readouterr().out.splitlines()


def test_every_recipe_in_use_with_a_record_is_a_row_beside_buying_and_holding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    head, rule, row, _, last = lines(capsys, record(), record(in_use=False), record(figures=None))
    assert head.startswith("| subject | model type | data | standing |")
    assert set(rule) == set("|- ")
    assert row == (
        "| AAPL | ppo | sample | unproven | 10.0 | 0.81, 0.31 and 1.30 | 0.70 | 120 % | 201 % | -19 % | 41 | 38 % |"
    )
    assert head.count("|") == row.count("|")
    assert last == "3 recipes tried; confidence 0.95 for a year of nights."


def test_what_is_undefined_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    idle = asdict(FIGURES) | {"sharpe_ratio": None, "sharpe_low": None, "sharpe_high": None, "total_return": 0.0}
    row = lines(capsys, record(figures=idle))[2]
    assert "| -, - and - |" in row
    assert "| 0 % |" in row
