"""Whatever becomes of sessions, in whatever order: of the twins of a desk one may write, the one that entered last."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection, text

from config.errors import LockedError
from daemon.store import desks, runs
from daemon.store.database import Database
from daemon.store.faults import TAKEN, StoreError
from daemon.store.lease import Lease
from tests.support.desks.databases import NOON
from tests.support.servers.postgres import fresh_postgres_url

DESK = "d" * 32  # of all twins: a home that was copied has the id of the other
TWINS = 2
picks = st.integers(0, TWINS - 1)


@dataclass
class Twin:
    """A process of the desk, and what the model says of its session: it holds the lock, was cut, or there is none."""

    lease: Lease
    database: Database
    instance: str
    session: str = "held"


class Leases(RuleBasedStateMachine):
    """Leases and writes of two twins on one PostgreSQL database, and who may do what by a model of three lines."""

    def __init__(self) -> None:
        super().__init__()
        self.url = fresh_postgres_url()
        self.alive: dict[int, Twin] = {}
        self.entered: str | None = None
        self.entries = self.written = 0

    def teardown(self) -> None:
        for twin in self.alive.values():
            twin.lease.close()
            twin.database.close()

    def holder(self) -> int | None:
        """The twin that holds the lock, as the model knows it."""
        return next((number for number, twin in self.alive.items() if twin.session == "held"), None)

    def living(self, pick: int) -> Twin:
        """One of those that live."""
        return list(self.alive.values())[pick % len(self.alive)]

    @precondition(lambda self: len(self.alive) < TWINS)
    @rule()
    def start(self) -> None:
        """One more comes in where nobody holds the lock, and is refused by name else."""
        number = min(set(range(TWINS)) - self.alive.keys())
        if self.holder() is not None:
            with pytest.raises(LockedError) as caught:
                Lease.take(self.url, DESK, patience=0.0)
            assert (caught.value.code, caught.value.detail["desk"]) == ("store.held", DESK)
            return
        lease, database = Lease.take(self.url, DESK, patience=0.0), Database.open(self.url)
        self.entries += 1
        twin = self.alive[number] = Twin(lease, database, f"process {self.entries}")
        database.write(lambda c: desks.enter(c, DESK, instance=twin.instance, host="test", now=NOON))
        database.require(twin.instance)
        self.entered = twin.instance

    @precondition(lambda self: self.holder() is not None)
    @rule()
    def cut(self) -> None:
        """The session of the one that holds the lock is lost on the server, and nobody tells it."""
        twin = self.alive[self.holder() or 0]
        assert twin.lease._connection is not None
        pid = twin.lease._connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        twin.session = "cut"

    @precondition(lambda self: self.alive)
    @rule(pick=picks)
    def look(self, pick: int) -> None:
        """It notices that its session is gone; the next time it takes the lock again, if nobody has it."""
        twin = self.living(pick)
        twin.lease.look(twin.database.probe)
        if twin.session == "cut":
            twin.session = "none"
        elif twin.session == "none" and self.holder() is None:
            twin.session = "held"
        if twin.session == "none":
            assert twin.lease._connection is None

    @precondition(lambda self: self.alive)
    @rule(pick=picks)
    def write(self, pick: int) -> None:
        """Only the one that entered last may, whoever holds the lock and whatever it knows of that."""
        twin = self.living(pick)

        def request(c: Connection) -> None:
            runs.request(c, "training", now=NOON, trigger="manual")

        if twin.instance == self.entered:
            twin.database.write(request)
            self.written += 1
            return
        with pytest.raises(StoreError) as caught:
            twin.database.write(request)
        assert caught.value.code == TAKEN
        assert twin.database.fatal is not None

    @precondition(lambda self: self.alive)
    @rule(pick=picks)
    def end(self, pick: int) -> None:
        """The process ends, and its sessions with it."""
        number = list(self.alive)[pick % len(self.alive)]
        twin = self.alive.pop(number)
        twin.lease.close()
        twin.database.close()

    @invariant()
    def one_session_at_most_has_the_lock(self) -> None:
        """And it is the one that the model names; every accepted write is there, and no refused one."""
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
            assert row == (int(self.holder() is not None),)
            if self.entries:
                assert connection.execute("SELECT count(*) FROM runs").fetchone() == (self.written,)


Leases.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
# Thousands of round trips to a server.
TestLeases = pytest.mark.slow(Leases.TestCase)
