"""Who gets a place in the table of connections, and who is dropped for it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from daemon.api.connections import Connections, Limits

HERE, ANNA, BEN, EVE = "127.0.0.1", "192.0.2.1", "192.0.2.2", "2001:db8::/64"
SMALL = Limits(total=6, reserve=2, caller=3, health=2)


@dataclass(eq=False)
class Open:
    """A connection that notes whether it was dropped."""

    caller: str
    waits: bool = True
    dropped: bool = False

    def drop(self) -> None:
        """As the real one."""
        self.dropped = True


def admit(table: Connections, *callers: str, waits: bool = True) -> list[Open]:
    opened = [Open(caller, waits) for caller in callers]
    for connection in opened:
        assert table.admit(connection) == "any"
    return opened


def test_a_caller_with_its_share_of_places_loses_its_own_oldest():
    table = Connections(SMALL)
    first, second, third, bens = admit(table, EVE, EVE, EVE, BEN)
    admit(table, EVE)
    assert [each.dropped for each in (first, second, third, bens)] == [True, False, False, False]


def test_callers_of_other_machines_leave_the_reserve_to_this_one():
    table = Connections(SMALL)
    remote = admit(table, EVE, EVE, ANNA, ANNA)
    admit(table, BEN)
    assert [each.dropped for each in remote] == [True, False, False, False]
    local = admit(table, HERE, HERE)
    assert not any(each.dropped for each in local)
    assert len(table) == 6


def test_in_a_full_table_the_oldest_of_the_caller_with_the_most_is_dropped():
    table = Connections(SMALL)
    anna, *local = admit(table, ANNA, HERE, HERE, HERE, HERE, HERE)
    admit(table, BEN)
    assert (anna.dropped, [each.dropped for each in local]) == (False, [True, False, False, False, False])


def test_who_has_just_been_answered_is_the_youngest():
    table = Connections(SMALL)
    first, second, _ = admit(table, EVE, EVE, EVE)
    table.answered(first)
    admit(table, EVE)
    assert (first.dropped, second.dropped) == (False, True)


def test_a_connection_that_is_being_answered_is_never_dropped():
    table = Connections(SMALL)
    busy = admit(table, HERE, HERE, HERE, HERE, HERE, HERE, waits=False)
    late = [Open(ANNA), Open(HERE), Open(HERE), Open(HERE, waits=False), Open(HERE, waits=False), Open(HERE)]
    assert [table.admit(each) for each in late] == ["health"] * 5 + ["refused"]
    assert [each.dropped for each in late] == [True, True, True, False, False, False]
    assert not any(each.dropped for each in busy)
    table.remove(busy[0])
    assert table.admit(Open(HERE)) == "any"


@given(
    st.lists(
        st.tuples(st.sampled_from([HERE, ANNA, BEN, EVE]), st.sampled_from(["open", "work", "answer", "close"])),
        max_size=60,
    )
)
def test_whatever_callers_do_the_limits_hold_and_no_work_is_lost(actions: list[tuple[str, str]]):
    table, alive = Connections(SMALL), list[Open]()
    for caller, action in actions:
        own = [each for each in alive if each.caller == caller]
        if action == "open":
            new = Open(caller)
            busy = [each for each in alive if not each.waits]
            if table.admit(new) != "refused":
                alive.append(new)
            assert not any(each.dropped for each in busy)
        elif own and action == "work":
            own[0].waits = False
        elif own and action == "answer":
            own[0].waits = True
            table.answered(own[0])
        elif own:
            table.remove(own[0])
            alive.remove(own[0])
        alive = [each for each in alive if not each.dropped]
        remote = [each for each in alive if each.caller != HERE]
        assert len(table) == len(alive) <= SMALL.total + SMALL.health
        assert len(remote) <= SMALL.total - SMALL.reserve + SMALL.health
        for name in (ANNA, BEN, EVE):
            assert len([each for each in remote if each.caller == name]) <= SMALL.caller + SMALL.health
