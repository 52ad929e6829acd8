"""How far a training is: a bar on a terminal, lines elsewhere, or a desk's own way."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.support.models.trainings import train
from trainers.rl import RLProgressTracker
from trainers.rl.training.callbacks import progress


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LIVE", "_LINES", "_REPORTS"):
        monkeypatch.setattr(progress, name, 0.0)


def output_of(*, terminal: bool, width: int = 200) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width)
    train([RLProgressTracker(console=console)], "a2c")
    return console.file.getvalue()


def test_a_terminal_gets_a_bar_with_what_the_newest_episodes_earned() -> None:
    text = output_of(terminal=True)
    assert "100 %" in text
    for word in ("episode 40", "reward", "Sharpe", "drawdown", "steps/s"):
        assert word in text


def test_a_narrow_terminal_gets_all_of_it_too_over_several_lines() -> None:
    text = output_of(terminal=True, width=80)
    assert "…" not in text
    for word in ("━━━━━━━━━━", "100 %", "episode 40", "Sharpe", "drawdown", "steps/s"):
        assert word in text


def test_elsewhere_there_are_plain_lines() -> None:
    lines = output_of(terminal=False).splitlines()
    assert "\x1b" not in "".join(lines)
    assert lines[-1].startswith("100% episode 40, reward")
    assert 10 < len(lines) <= 202


def test_a_short_training_elsewhere_is_one_line_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINES", 30.0)
    assert len(output_of(terminal=False).splitlines()) == 1


def test_a_report_function_gets_the_fraction_done() -> None:
    reports: list[tuple[float, str]] = []
    train([RLProgressTracker(report=lambda fraction, message: reports.append((fraction, message)))], "a2c")
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] < 0.1
    assert fractions[-1] == 1.0
    assert "episode 40, reward" in reports[-1][1]


def test_a_limit_of_timesteps_counts_too() -> None:
    reports: list[float] = []
    train([RLProgressTracker(report=lambda fraction, _: reports.append(fraction))], "a2c", total_timesteps=200)
    assert reports[0] == pytest.approx(4 / 200)
    assert reports[-1] == 1.0


def test_the_configs_own_progress_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    train(agent_type="a2c", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100% episode 40" in err


def test_a_training_that_is_refused_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        train([RLProgressTracker(report=lambda *_: 1 / 0)], "a2c")
    assert capfd.readouterr().err == ""
