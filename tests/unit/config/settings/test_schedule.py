"""When the jobs of a config start."""

from __future__ import annotations

import pytest

from config import Settings
from config.settings import JOBS
from tests.support.settings import settings


@pytest.mark.parametrize(
    ("choices", "place"),
    [
        ({"jobs": {"backup": {"every": "0.001s"}}}, "/jobs/backup/every"),
        ({"performance_check_frequency": "0.9s"}, "/performance_check_frequency"),
    ],
)
def test_a_job_that_would_come_many_times_a_second_is_refused(choices, place):
    with pytest.raises(Exception, match=f"{place} is .*: must be 1s or longer"):
        settings(**choices)


def test_jobs_of_the_night_without_a_time_of_their_own_follow_their_forerunner():
    assert settings().downstream_jobs("evaluation") == ("signals", "performance_check", "backup", "records")
    assert settings().downstream_jobs("training") == ()
    assert settings(jobs={"training": {}, "evaluation": {}}).downstream_jobs("data_update") == (
        "training",
        "evaluation",
        "signals",
        "performance_check",
        "backup",
        "records",
    )
    assert settings(jobs={"signals": {"enabled": False}}).downstream_jobs("evaluation") == (
        "performance_check",
        "backup",
        "records",
    )
    assert settings().downstream_jobs("maintenance") == ()


def test_every_job_has_a_schedule():
    untimed = {job for job in JOBS if not Settings().job_schedule(job).timed}
    assert untimed == {"signals", "performance_check", "backup", "records", "promotion", "audit", "backtest"}
