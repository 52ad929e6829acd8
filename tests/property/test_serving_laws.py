"""Whatever is trained, judged and ordered, in whatever order: a pair has the champion that a simple model says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import create_engine

from daemon.domain.metrics import Metrics
from daemon.jobs.evaluation.messages import EvaluateResult
from daemon.jobs.evaluation.promotion import Judgement, settle
from daemon.store import servings, versions
from daemon.store.servings import NEWEST_KEPT
from daemon.store.tables import metadata
from daemon.store.versions import Version
from tests.support.desks.databases import NOON, add_version

Pair = tuple[str, str]
PAIRS: tuple[Pair, ...] = (("AAPL", "cloner"), ("AAPL", "ppo"))
SERVABLE = ("challenger", "retired", "rejected")
pairs, picks = st.sampled_from(PAIRS), st.integers(0, 1000)


@dataclass
class Place:
    """What a pair must look like: its versions by id and state, those that served in order, and whether one is held."""

    states: dict[int, str] = field(default_factory=dict)
    served: list[int] = field(default_factory=list)
    pinned: bool = False

    @property
    def champion(self) -> int | None:
        return next((version for version, state in self.states.items() if state == "champion"), None)

    @property
    def predecessor(self) -> int | None:
        return next((version for version in reversed(self.served) if version != self.served[-1]), None)

    def serve(self, version: int) -> None:
        if self.champion is not None:
            self.states[self.champion] = "retired"
        self.states[version] = "champion"
        self.served.append(version)
        self.pinned = False


class Servings(RuleBasedStateMachine):
    """Versions of two pairs under every command in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://")
        self.connection = self.engine.connect()
        metadata.create_all(self.connection)
        self.now = NOON
        self.places = {pair: Place() for pair in PAIRS}

    def teardown(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def pick(self, pair: Pair, number: int) -> Version | None:
        known = sorted(self.places[pair].states)
        return versions.version(self.connection, known[number % len(known)]) if known else None

    def champion(self, pair: Pair) -> Version | None:
        return versions.champion(self.connection, *pair)

    @initialize()
    def each_pair_has_a_champion_and_a_challenger(self):
        for pair in PAIRS:
            self.one_is_trained(pair)
            self.one_is_promoted(pair, 0, False)
            self.one_is_trained(pair)

    @rule(pair=pairs)
    def one_is_trained(self, pair):
        self.now += timedelta(minutes=1)
        name = f"{self.now:%Y%m%d_%H%M%S}"
        added = add_version(self.connection, name, subject=pair[0], model_type=pair[1])
        self.places[pair].states[added.id] = "challenger"

    @rule(pair=pairs, number=picks, elsewhere=st.sampled_from([False, False, True]))
    def one_is_promoted(self, pair, number, elsewhere):
        if (version := self.pick(pair, number)) is None:
            return
        place = self.places[pair]
        where = ("MSFT", pair[1]) if elsewhere else pair
        may = not elsewhere and place.states[version.id] in SERVABLE
        assert servings.serve(self.connection, *where, version.id, self.now, why="better", author="test") == may
        if may:
            place.serve(version.id)

    @rule(pair=pairs)
    def a_person_rolls_back(self, pair):
        place, before = self.places[pair], servings.predecessor(self.connection, *pair)
        assert (before and before.id) == place.predecessor
        if before is not None:
            may = place.states[before.id] in SERVABLE
            assert servings.serve(self.connection, *pair, before.id, self.now, why="worse", author="test") == may
            if may:
                place.serve(before.id)

    @rule(
        pair=pairs,
        number=picks,
        outcome=st.sampled_from(["takes_over", "held_back"]),
        late=st.sampled_from([False, False, True]),
    )
    def one_is_judged(self, pair, number, outcome, late):
        """`late`: the champion it was compared with serves no more when the judgement is there."""
        candidate, champion, place = self.pick(pair, number), self.champion(pair), self.places[pair]
        if candidate is None or place.states[candidate.id] not in SERVABLE:
            return
        compared = None if late else champion
        judgement = Judgement(1, "challenge" if compared else "first", candidate, compared, _result(outcome, self.now))
        taken = settle(self.connection, judgement, self.now)
        if late and champion is not None:
            assert not taken
        elif outcome == "held_back":
            assert not taken
            if place.states[candidate.id] == "challenger":
                place.states[candidate.id] = "rejected"
        elif champion is not None and place.pinned:
            assert not taken
        else:
            assert taken
            place.serve(candidate.id)

    @rule(pair=pairs, pinned=st.booleans())
    def a_person_holds_or_frees_the_champion(self, pair, pinned):
        if champion := self.champion(pair):
            servings.pin(self.connection, champion, self.now, pinned=pinned, why="", author="test")
            self.places[pair].pinned = pinned

    @rule(pair=pairs)
    def the_champion_is_stopped(self, pair):
        if champion := self.champion(pair):
            assert servings.stop(self.connection, champion, self.now, why="refuted", author="test")
            assert not servings.stop(self.connection, champion, self.now, why="refuted", author="test")
            self.places[pair].states[champion.id] = "retired"
            self.places[pair].pinned = False

    @rule(pair=pairs, number=picks)
    def one_is_found_damaged(self, pair, number):
        if version := self.pick(pair, number):
            may = self.places[pair].states[version.id] == "challenger"
            assert versions.set_state(self.connection, version.id, "quarantined", ("challenger",)) == may
            if may:
                self.places[pair].states[version.id] = "quarantined"

    @rule(keep=st.integers(0, 5))
    def old_ones_are_deleted(self, keep):
        for version in servings.expendable(self.connection, keep):
            place = self.places[version.subject, version.model_type]
            stored = [each for each in sorted(place.states, reverse=True) if place.states[each] != "deleted"]
            assert version.id not in stored[: max(keep, NEWEST_KEPT)]
            assert version.id not in (place.champion, place.predecessor)
            assert versions.set_state(self.connection, version.id, "deleted", ("retired", "rejected"))
            place.states[version.id] = "deleted"

    @invariant()
    def every_version_is_in_the_state_of_the_model(self):
        stored = {
            pair: {version.id: version.state for version in versions.versions(self.connection, *pair)} for pair in PAIRS
        }
        assert stored == {pair: place.states for pair, place in self.places.items()}

    @invariant()
    def the_serving_ledger_leads_to_the_champion(self):
        for pair, place in self.places.items():
            history = servings.history(self.connection, *pair)
            pointer = next((entry for entry in history if entry.action in ("serve", "stop")), None)
            serving = pointer.version_id if pointer is not None and pointer.action == "serve" else None
            assert serving == place.champion
            assert [entry.version_id for entry in reversed(history) if entry.action == "serve"] == place.served
            assert servings.pinned(self.connection, *pair) == place.pinned


def _result(outcome, now):
    return EvaluateResult(
        dataset="d" * 64,
        first=now - timedelta(days=9),
        last=now,
        report="results/evaluation-1",
        metrics=Metrics(values={}),
        outcome=outcome,
        reasons=(),
        note="",
    )


Servings.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestServings = Servings.TestCase
