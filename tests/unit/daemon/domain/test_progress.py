from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.progress import RunProgress
from daemon.domain.tasks import TaskProgress


def test_a_run_without_expected_tasks_has_no_fraction() -> None:
    assert RunProgress().fraction is None


def test_ended_tasks_count_whole_and_those_at_work_as_far_as_they_are() -> None:
    progress = RunProgress().expect(4).report("AAPL", TaskProgress(fraction=0.5)).finish("MSFT")
    assert (progress.done, progress.expected, progress.fraction) == (1, 4, 0.375)
    assert progress.finish("AAPL").tasks == {}


def test_a_change_leaves_the_progress_that_another_thread_reads_as_it_was() -> None:
    before = RunProgress().expect(1)
    before.report("AAPL", TaskProgress(fraction=0.5))
    assert before.tasks == {}


@given(st.lists(st.integers(0, 5), max_size=8))
def test_what_is_expected_never_falls(rounds: list[int]) -> None:
    progress, expected = RunProgress(), [0]
    for tasks in rounds:
        progress = progress.expect(tasks)
        expected.append(progress.expected)
        for number in range(tasks):
            progress = progress.finish(str(number))
    assert expected == sorted(expected)
    assert progress.done == sum(rounds) == progress.expected
