"""Whatever happens to runs, in whatever order: the ledger loses none, doubles none, and no end is ever undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import create_engine

from config.settings import JOBS, NIGHT
from daemon.domain.runs import ACTIVE, STATES, TASK_ENDS, TERMINAL, TRANSITIONS, Owner, Run, RunState
from daemon.store import runs, tasks
from daemon.store.tables import metadata

ATTEMPTS = 3
ENDS = sorted(TERMINAL - {"missed"})
START = datetime(2026, 3, 2, tzinfo=UTC)
picks = st.integers(0, 10_000)


# The desk that lives, and one that was killed.
ALIVE, DEAD = Owner.me(), Owner(1, 1, "an earlier boot")


@dataclass
class ModelRun:
    """What the ledger must say of a run."""

    state: RunState
    owner: Owner | None = None


class Ledger(RuleBasedStateMachine):
    """A ledger under every command in any order, a dictionary that says the same, and what both must look like."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://")
        self.connection = self.engine.connect()
        metadata.create_all(self.connection)
        self.now = START
        self.ended: dict[int, Run] = {}
        self.model: dict[int, ModelRun] = {}

    def note(self, run: Run | None) -> None:
        """A new run is in the model as it was recorded."""
        if run is not None:
            assert run.id not in self.model
            self.model[run.id] = ModelRun(run.state)

    def teardown(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def all(self) -> list[Run]:
        return runs.page(self.connection, limit=10_000)

    def pick(self, number: int) -> Run | None:
        ledger = self.all()
        return ledger[number % len(ledger)] if ledger else None

    @rule(seconds=st.integers(-3600, 3600))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(job=st.sampled_from(JOBS), hour=st.integers(0, 5), state=st.sampled_from(["due", "missed", "skipped"]))
    def an_occurrence_comes(self, job, hour, state):
        at, chain = START + timedelta(hours=hour), NIGHT[NIGHT.index(job) + 1 :] if job in NIGHT else ()
        occurrences = {(run.job, run.scheduled_for) for run in self.all() if run.attempt == 1}
        options = {"state": state, "chain": chain, "trigger": "schedule"}
        recorded = runs.record(self.connection, job, at, now=self.now, **options)
        self.note(recorded)
        if recorded is None:
            assert (job, at) in occurrences
        if recorded is not None and recorded.state in TERMINAL:
            self.ended[recorded.id] = recorded
        for gone in set(self.ended) - {run.id for run in self.all()}:
            assert self.ended.pop(gone).recorded_at > self.now, "only a miss noted by a clock that ran ahead may go"
            assert self.model.pop(gone).state == "missed"

    @rule(job=st.sampled_from(JOBS))
    def a_person_asks(self, job):
        run = runs.request(self.connection, job, now=self.now, trigger="manual")
        assert run.state == "due"
        self.note(run)

    @rule(number=picks, state=st.sampled_from(sorted(ACTIVE)), claimants=st.permutations([ALIVE, DEAD]))
    def two_desks_claim(self, number, state, claimants):
        if run := self.pick(number):
            won = [runs.claim(self.connection, run.id, owner, self.now, state) for owner in claimants]
            assert won == [run.state == "due", False]
            if run.state == "due":
                self.model[run.id] = ModelRun(state, claimants[0])

    @rule(number=picks)
    def its_data_arrives(self, number):
        if run := self.pick(number):
            assert runs.move(self.connection, run.id, "running", self.now) == (run.state == "waiting")
            if run.state == "waiting":
                self.model[run.id].state = "running"

    @rule(number=picks, start=st.booleans())
    def it_gets_a_task(self, number, start):
        run = self.pick(number)
        if run and run.state in ACTIVE:
            task = tasks.add(self.connection, run.id, "train")
            if start:
                assert tasks.start(self.connection, task.id, self.now)

    @rule(number=picks, end=st.sampled_from(ENDS), cause=st.sampled_from([None, "shutdown"]), transient=st.booleans())
    def it_ends(self, number, end, cause, transient):
        if run := self.pick(number):
            self.end(run, end, cause, transient)

    @rule()
    def a_desk_starts_after_the_kill_of_another(self):
        orphans = runs.orphans(self.connection, leased=False)
        dead = {number for number, run in self.model.items() if run.owner == DEAD and run.state in ACTIVE}
        assert {run.id for run in orphans} == dead
        for run in orphans:
            self.end(run, "crashed", "owner.dead", False)
        assert runs.orphans(self.connection, leased=False) == []

    def end(self, run, end, cause, transient):
        following = runs.finish(
            self.connection, run.id, end, self.now, cause=cause, attempts=ATTEMPTS, transient=transient
        )
        self.note(following)
        now = runs.get(self.connection, run.id)
        if end not in TRANSITIONS[run.state]:
            assert (now, following) == (run, None)
            return
        assert (now.state, now.finished_at) == (end, self.now)
        self.ended[now.id] = now
        self.model[run.id].state = end
        if following is not None:
            assert following.parent_id == run.id
            assert following.trigger in ("retry", "chain")

    @invariant()
    def the_ledger_says_what_the_model_says(self):
        assert {run.id: ModelRun(run.state, run.owner) for run in self.all()} == self.model

    @invariant()
    def no_end_is_undone(self):
        for run_id, end in self.ended.items():
            assert runs.get(self.connection, run_id) == end

    @invariant()
    def no_occurrence_is_recorded_twice(self):
        attempts = [(run.job, run.scheduled_for, run.attempt) for run in self.all()]
        assert len(set(attempts)) == len(attempts)

    @invariant()
    def an_occurrence_has_one_run_at_most_that_is_not_over(self):
        unfinished = [(run.job, run.scheduled_for) for run in self.all() if run.state not in TERMINAL]
        assert len(set(unfinished)) == len(unfinished)

    @invariant()
    def every_end_has_the_follower_it_must_have_and_no_second(self):
        ledger = self.all()
        for run in ledger:
            followers = [child for child in ledger if child.parent_id == run.id]
            spent = sum(
                other.state in ("crashed", "failed")
                for other in ledger
                if (other.job, other.scheduled_for) == (run.job, run.scheduled_for) and other.id <= run.id
            )
            shut_down = run.state == "cancelled" and run.cause == "shutdown"
            is_retried = shut_down or (run.state == "crashed" and spent < ATTEMPTS)
            ended_by_finish = run.state in TERMINAL and run.finished_at != run.recorded_at
            assert len(followers) <= 1
            if is_retried:
                assert [(child.job, child.scheduled_for, child.chain) for child in followers] == [
                    (run.job, run.scheduled_for, run.chain)
                ]
            elif ended_by_finish and run.chain and run.state not in {"cancelled", "failed"}:
                assert [(child.job, child.chain) for child in followers] == [(run.chain[0], run.chain[1:])]

    @invariant()
    def nothing_is_left_open_under_a_run_that_is_over(self):
        for run in self.all():
            inside = tasks.of(self.connection, run.id)
            assert run.state in STATES
            assert run.state not in TERMINAL or all(task.state in TASK_ENDS for task in inside)


Ledger.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestLedger = Ledger.TestCase
