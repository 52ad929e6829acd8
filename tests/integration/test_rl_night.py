"""A night of agents that learn by trading: killed while they learn, gone on with, judged and kept like any model."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from config.paths import Home
from config.settings import NIGHT
from tests.support.desks.running_desk import RunningDesk, write_config

AGENT = {"hidden_dim": 16, "learning_rate": 0.003, "gamma": 0.5, "n_steps": 512, "batch_size": 128}
LONG = 240.0

pytestmark = pytest.mark.slow


@dataclass
class Night:
    """What was seen of it: how far the training was when it was killed, and each time afterwards."""

    desk: RunningDesk
    before: float
    after: list[float] = field(default_factory=list)


def learning(desk: RunningDesk) -> float:
    """How much of its training is done, as the API reports it."""
    at_work = [run for run in desk.status()["running"] if run["job"] == "training" and run["progress"]]
    return max((task["fraction"] for run in at_work for task in run["progress"]["tasks"]), default=0.0)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The first night of a desk that is killed in the middle of it, and the drill that restores its backup."""
    home = Home(tmp_path_factory.mktemp("rl_night") / "home")
    write_config(
        home,
        model_types=["ppo"],
        model_params={"ppo": {"seeds": 2, "evaluations": 4, "agent": AGENT}},
        training_params={"lookback_days": 1500, "steps": 12_000},
        costs={"commission": 0.0, "slippage": 0.0},
        jobs={"records": {"enabled": False}},  # eight rehearsals of agents take longer than the night
    )
    with RunningDesk(home) as desk:
        before = desk.wait_for(lambda: (done := learning(desk)) > 0.3 and done, LONG)
        desk.kill()
    with RunningDesk(home) as desk:
        result = Night(desk, before)
        desk.wait_for(lambda: result.after.append(learning(desk)) or desk.status()["backups"]["last_verified"], LONG)
        desk.rest()
        drill = desk.post("/jobs/restore_drill/run")
        desk.wait_for(lambda: desk.get(f"/runs/{drill['id']}")["finished_at"])
        yield result
        assert desk.terminate() == 0


@pytest.fixture(scope="module")
def desk(night: Night) -> RunningDesk:
    """The desk after that."""
    return night.desk


def test_the_killed_training_goes_on_where_it_was_and_the_night_and_the_drill_succeed(night: Night) -> None:
    runs = [(run["job"], run["attempt"], run["state"]) for run in reversed(night.desk.runs())]
    ended = [(job, 1 + (job == "training"), "succeeded") for job in (*NIGHT, "restore_drill")]
    assert runs == [ended[0], ("training", 1, "crashed"), *ended[1:]]
    going_on = [fraction for fraction in night.after if 0.0 < fraction < 1.0]
    assert going_on, "it was seen learning"
    assert min(going_on) > 0.25, f"it was killed at {night.before:.0%}"


def test_the_agent_is_evaluated_and_serves_if_it_earns(desk: RunningDesk) -> None:
    [model] = desk.status()["models"]
    assert (model["model_type"], model["last_verdict"]["verdict"]) == ("ppo", "takes_over")
    assert model["signal"]["version"] == model["champion"]
    assert not model["signal"]["stale"]


def test_the_report_names_the_seeds_and_checkpoints_that_the_model_was_selected_from(desk: RunningDesk) -> None:
    [model] = desk.status()["models"]
    verdict = model["last_verdict"]
    selection = desk.get(verdict["report"].removeprefix("/api/v1"))["evidence"]["model_selection"]
    assert (selection["seeds"], selection["checkpoints"]) == (2, 8)
    assert selection["low"] <= selection["mean"] <= selection["high"] == selection["selected"]
    page = html.unescape(desk.ask("GET", verdict["report_page"].removeprefix("/api/v1")).text)
    assert "2 seeds on validation" in page
    assert "Beat cash on validation: yes." in page


def test_the_manifest_holds_the_agent_and_the_costs_it_was_trained_with(desk: RunningDesk) -> None:
    [version] = desk.home.versions
    manifest = json.loads((desk.home.model(*version) / "manifest.json").read_text())
    assert {"torch", "gymnasium", "stable-baselines3"} <= set(manifest["libraries"])
    assert manifest["device"] in {"cpu", "cuda"}
    assert manifest["params"]["total_timesteps"] == 12_000
    assert manifest["params"]["environment"]["commission"] == 0.0
    assert manifest["leaks"]["clean"]
    assert manifest["reference"]["features"]


def test_nothing_of_its_training_stays_behind(desk: RunningDesk) -> None:
    assert not [path for path in desk.home.checkpoints_root.rglob("*") if path.is_file()]
