"""The progress of a run, from the progress of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from daemon.domain.tasks import TaskProgress


@dataclass(frozen=True)
class RunProgress:
    """How far a run is. Every change makes a new one, so that any thread may read the one it holds.

    Args:
        done: tasks that have ended.
        expected: tasks in all, as far as is known by now; this number never falls.
        tasks: the tasks at work, by label.
        waiting: whether the run waits for its conditions and has not begun.
    """

    done: int = 0
    expected: int = 0
    tasks: Mapping[str, TaskProgress] = field(default_factory=dict)
    waiting: bool = False

    @property
    def fraction(self) -> float | None:
        """The part that is done, tasks at work counted as far as they are; None before any task is expected."""
        if not self.expected:
            return None
        at_work = sum(task.fraction for task in self.tasks.values())
        return min((self.done + at_work) / self.expected, 1.0)

    def expect(self, tasks: int) -> RunProgress:
        """At least so many tasks are still to come."""
        return replace(self, expected=max(self.expected, self.done + tasks))

    def report(self, label: str, task: TaskProgress) -> RunProgress:
        """A task at work is as far as `task` says."""
        return replace(self, tasks={**self.tasks, label: task})

    def finish(self, label: str) -> RunProgress:
        """A task has ended."""
        remaining = {name: task for name, task in self.tasks.items() if name != label}
        return replace(self, done=self.done + 1, tasks=remaining)
