from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from config.errors import NightdeskError
from daemon.cli import output
from daemon.cli.progress import ProgressLines

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_in_a_pipe_a_table_is_plain_columns(capsys):
    output.table("Signals", ["symbol", "position", "stale"], [["AAPL", 0.5, False], ["MSFT", None, True]])
    assert capsys.readouterr().out == "symbol  position  stale\nAAPL    0.500     no\nMSFT    -         yes\n"


def test_a_table_without_rows_prints_none(capsys):
    output.table("Signals", ["symbol"], [])
    assert capsys.readouterr().out == "Signals: none.\n"


def test_on_a_terminal_a_table_has_its_title_and_markup_is_only_text(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.table("Runs", ["run", "state"], [["training-1", "[red]failed"]])
    output_text = capsys.readouterr().out
    assert "Runs" in output_text
    assert "[red]failed" in output_text


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=30), "in 30 s"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=3), "in 3 h"),
        (timedelta(days=-2), "2 d ago"),
    ],
)
def test_an_instant_is_printed_with_its_distance(distance, text):
    at = NOON + distance
    assert output.moment(at.isoformat(), NOON) == f"{at:%Y-%m-%d %H:%M}Z ({text})"


def test_no_instant_is_no_text():
    assert output.moment(None) is None


def test_an_error_is_printed_for_a_person_with_its_cure_and_to_a_program_as_json(capsys):
    error = NightdeskError("data.empty", "There is nothing.", "Pull it.", symbol="AAPL")
    output.print_error(error, as_json=False)
    assert capsys.readouterr().err == "error: There is nothing.\nCure: Pull it.\n"
    output.print_error(error, as_json=True)
    assert json.loads(capsys.readouterr().err) == {"error": error.to_dict()}


def test_progress_in_a_pipe_prints_only_changes(capsys):
    with ProgressLines() as progress:
        for fraction, message in ((None, "starting"), (0.5, "tree 10"), (0.55, "tree 11"), (1.0, "succeeded")):
            progress.show("training-1", fraction, message)
    assert capsys.readouterr().err.splitlines() == [
        "training-1 starting",
        "training-1  50% tree 10",
        "training-1 100% succeeded",
    ]
