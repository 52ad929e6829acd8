"""Wrong tokens are counted, in memory that does not grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.errors import NightdeskError
from daemon.api.attempts import CALLERS, LIMIT, WINDOW, Attempts
from daemon.system.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 4, tzinfo=UTC))


def fail(attempts: Attempts, caller: str, times: int) -> None:
    for _ in range(times):
        attempts.check(caller)
        attempts.failed(caller)


def test_after_the_limit_a_caller_waits_until_the_window_is_over(clock):
    attempts = Attempts(clock)
    fail(attempts, "eve", LIMIT)
    clock.move(timedelta(seconds=WINDOW - 1))
    with pytest.raises(NightdeskError) as refusal:
        attempts.check("eve")
    assert (refusal.value.code, refusal.value.cure) == ("request.too_many_attempts", "Try again in 1 seconds.")
    attempts.check("anna")
    clock.move(timedelta(seconds=1))
    fail(attempts, "eve", LIMIT)


def test_a_few_mistakes_now_and_then_never_shut_anybody_out(clock):
    attempts = Attempts(clock)
    for _ in range(10):
        fail(attempts, "anna", LIMIT - 1)
        clock.move(timedelta(seconds=WINDOW))
    attempts.check("anna")


def test_a_clock_set_back_shuts_nobody_out_for_ever(clock):
    attempts = Attempts(clock)
    fail(attempts, "eve", LIMIT)
    clock.move(timedelta(days=-400))
    clock.move(timedelta(seconds=WINDOW))
    attempts.check("eve")


def test_only_so_many_callers_are_remembered(clock):
    attempts = Attempts(clock)
    for number in range(3 * CALLERS):
        attempts.failed(f"caller {number}")
    assert len(attempts._counts) == CALLERS
