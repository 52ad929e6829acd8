"""What the market of a model is in stands beside the model, by the newest check."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.paths import Home
from daemon.api.app import create_app
from daemon.cli.offline import Records
from daemon.domain.retraining import DIRECTION_NOW, REGIME_NOW
from daemon.store import measurements
from tests.support.desks.fake_desk import NOW, filled_desk


def measure(c, subject: str, metric: str, value: float | None, days_ago: int) -> None:
    measurements.add(
        c,
        measurements.NewMeasurement(
            run_id=None, subject=subject, model_type="behavioral_cloner", version_id=None, metric=metric,
            basis="evaluation", value=value, reason=None if value is not None else "too_few_bars",
            measured_at=NOW - timedelta(days=days_ago),
        ),
    )  # fmt: skip


@pytest.fixture
def models(home: Home):
    """The models of the status, by subject, after these measurements."""

    def read(*rows: tuple[str, str, float | None, int]):
        with filled_desk(home) as desk:
            for row in rows:
                desk.database.write(lambda c, row=row: measure(c, *row))
            status = Records(create_app(desk, None, desk.settings.api)).get("/status")
            return {model["subject"]: model["regime"] for model in status["models"]}

    return read


def test_the_newest_measurement_counts_and_a_model_that_was_never_checked_has_none(models) -> None:
    found = models(("AAPL", REGIME_NOW, 0.0, 3), ("AAPL", REGIME_NOW, 2.0, 1), ("AAPL", DIRECTION_NOW, 0.0, 1))
    assert (found["AAPL"]["volatility"], found["AAPL"]["direction"]) == ("high", "bear")
    assert found["AAPL"]["measured_at"].startswith((NOW - timedelta(days=1)).isoformat()[:19])
    assert found["MSFT"] is None


def test_what_could_not_be_measured_is_null(models) -> None:
    found = models(("AAPL", REGIME_NOW, 1.0, 1), ("AAPL", DIRECTION_NOW, None, 1))
    assert (found["AAPL"]["volatility"], found["AAPL"]["direction"]) == ("normal", None)
