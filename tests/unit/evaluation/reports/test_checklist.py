"""The limits of the checks that model types measure."""

from __future__ import annotations

import pytest

from evaluation.reports.checklist import accuracy_gap, fallback, loss_gap, validation_accuracy
from evaluation.reports.evidence import Check


@pytest.mark.parametrize(
    ("check", "measured", "passed"),
    [
        (validation_accuracy(70.5, "n"), 70.5, True),
        (validation_accuracy(70.0, "n"), 70.0, False),
        (loss_gap(0.5, 0.625), 0.125, True),
        (loss_gap(0.5, 0.75), 0.25, False),
        (loss_gap(0.75, 0.5), -0.25, True),
        (accuracy_gap(80.0, 70.5), 9.5, True),
        (accuracy_gap(80.0, 70.0), 10.0, False),
        (fallback(False, "n"), None, False),
    ],
)
def test_a_check_is_held_against_its_limit(check: Check, measured: float | None, passed: bool) -> None:
    assert (check.measured, check.passed) == (measured, passed)
    assert check.note
