"""The first night of a new home, by the default config but for two symbols, smaller forests, fewer folds, no world."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from config.loader import DEFAULT_CONFIG
from config.paths import Home
from config.settings import NIGHT
from tests.support.desks.running_desk import RunningDesk
from tests.support.markets.easy import write_easy_market

ROOT = Path(__file__).parents[2]
# A client that tries to reach the world is refused at once, and the sample market takes over.
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


def make_home(root: Path, **changes: Any) -> Home:
    """A new home with the default config, two symbols, forests of five trees, folds of a year, and these changes."""
    settings = json.loads(DEFAULT_CONFIG.read_text()) | {
        "symbols": ["AAPL", "TSLA"],
        "walk_forward": {"test": 252},
        "model_params": {"behavioral_cloner": {"n_estimators": 5}},
    }
    root.mkdir()
    Home(root).config.write_text(json.dumps(settings | changes))
    return Home(root)


def nightdesk(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person types it in a terminal that is none."""
    return subprocess.run(
        [sys.executable, "-m", "daemon.cli", "--home", str(home.root), *words],
        cwd=ROOT,
        env={**os.environ, **OFFLINE},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    """A desk after its first night, which it has begun by itself."""
    home = make_home(tmp_path_factory.mktemp("night") / "home")
    with RunningDesk(home, environment=OFFLINE) as running:
        running.wait_for(lambda: running.status()["backups"]["last_verified"], timeout=240)
        running.rest()
        yield running
        assert running.terminate() == 0


@pytest.fixture(scope="module")
def status(desk: RunningDesk) -> dict[str, Any]:
    """What the status page shows then."""
    return desk.status()


def test_the_first_night_runs_by_itself_in_its_order(desk: RunningDesk) -> None:
    night = list(reversed(desk.runs()))[: len(NIGHT)]
    assert [run["job"] for run in night] == list(NIGHT)
    assert [run["trigger"] for run in night] == ["first_night"] + ["chain"] * (len(NIGHT) - 1)
    assert {run["state"] for run in night} == {"succeeded"}
    assert "fallback" in night[0]["detail"], "it says why the sample market took over"


def test_a_newcomer_sees_models_their_evaluation_signals_and_the_next_jobs(status: dict[str, Any]) -> None:
    assert [model["subject"] for model in status["models"]] == ["AAPL", "TSLA"]
    assert all(model["last_verdict"]["metrics"]["max_drawdown"] <= 0 for model in status["models"])
    served = [model for model in status["models"] if model["champion"]]
    assert served, "a recipe that is not refuted serves from the first night on"
    for model in status["models"]:
        record = model["record"]
        assert record["sentence"].endswith(".")
        assert record["figures"]["bars"] > 100
        assert (model["champion"] is None) == (record["standing"] == "refuted")
    for model in served:
        assert model["evaluation"]["version"] == model["champion"]
        assert (model["evaluation"]["case"], model["evaluation"]["verdict"]) == ("first", "takes_over")
        assert model["signal"]["standing"] == model["record"]["standing"]
        assert model["signal"]["version"] == model["champion"]
        assert not model["signal"]["stale"]
    upcoming = {job["job"]: job["next_run"] for job in status["jobs"]}
    now = datetime.fromisoformat(status["started_at"])
    for job in ("data_update", "training", "evaluation", "restore_drill", "maintenance"):
        assert datetime.fromisoformat(upcoming[job]) > now
    assert (status["ready"], status["problems"]) == (True, [])


def test_that_the_data_is_a_sample_is_visible_wherever_it_leads(desk: RunningDesk, status: dict[str, Any]) -> None:
    assert "Sample data" in status["provenance_note"]
    assert {signal["provenance"] for signal in desk.get("/signals")["items"]} == {"sample"}
    assert {version["provenance"] for version in desk.get("/models")["items"]} == {"sample"}
    assert "Sample data" in nightdesk(desk.home, "status").stdout
    for manifest in desk.home.models.glob("*/*/*/manifest.json"):
        if "backup_" not in str(manifest):
            assert json.loads(manifest.read_text())["provenance"] == "sample"


def test_every_evaluation_has_its_report_and_its_picture(desk: RunningDesk, status: dict[str, Any]) -> None:
    for model in status["models"]:
        verdict = model["last_verdict"]
        report = desk.get(verdict["report"].removeprefix("/api/v1"))
        assert (report["schema_version"], report["subject"]["provenance"]) == (3, "sample")
        assert report["subject"]["symbol"] == model["subject"]
        looked_at = {name for name, value in report["evidence"].items() if value is not None}
        assert looked_at >= {
            "significance",
            "intervals",
            "random_baseline",
            "costs",
            "slices",
            "leaks",
            "drift",
            "decision_quality",
        }
        page = desk.ask("GET", verdict["report_page"].removeprefix("/api/v1"))
        assert (page.headers["content-type"], "sandbox" in page.headers["content-security-policy"]) == (
            "text/html; charset=utf-8",
            True,
        )
        assert report["decision"]["sentence"] in html.unescape(page.text)
        assert report["standing"]["sentence"] in html.unescape(page.text)
        assert "SAMPLE DATA" in page.text
        picture = desk.ask("GET", verdict["equity_chart"].removeprefix("/api/v1"))
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    pictures = list(desk.home.results.rglob("equity.png"))
    assert len(pictures) == len(status["models"])
    for picture in pictures:
        with Image.open(picture) as opened:
            opened.load()


def test_every_evaluation_ends_with_a_comparison_of_the_models(desk: RunningDesk, status: dict[str, Any]) -> None:
    run = desk.home.result("evaluation-3").name
    document = desk.get(f"/reports/{run}/model_comparison.json")
    assert {entry["symbol"] for entry in document["symbols"]} == {model["subject"] for model in status["models"]}
    for entry in document["symbols"]:
        assert entry["recommendation"].endswith(".")
        own = desk.get(f"/reports/{run}/{entry['symbol']}/model_comparison.json")
        assert own["symbols"] == [entry]
    assert desk.ask("GET", f"/reports/{run}/model_comparison.html").status_code == 200


def test_the_command_line_speaks_to_the_running_desk(desk: RunningDesk) -> None:
    done = nightdesk(desk.home, "run-once", "signals", "--json")
    assert done.returncode == 0, done.stderr
    [printed] = json.loads(done.stdout)["runs"]
    run = desk.get(f"/runs/{printed['id']}")
    assert (run["job"], run["trigger"], run["state"]) == ("signals", "manual", "succeeded")
    assert "run.requested" in {event["event"] for event in desk.events()}
    assert json.loads(nightdesk(desk.home, "status", "--json").stdout)["started_at"] == desk.status()["started_at"]
    assert json.loads(nightdesk(desk.home, "signals", "--json").stdout)["items"] == desk.get("/signals")["items"]


@pytest.mark.slow
def test_a_whole_night_runs_without_a_desk(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", symbols=["AAPL"], sources=write_easy_market(tmp_path / "market"))
    done = nightdesk(home, "run-once", "all", "--json")
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [(run["job"], run["state"]) for run in runs] == [(job, "succeeded") for job in NIGHT]
    asleep = json.loads(nightdesk(home, "status", "--json").stdout)
    assert asleep["problems"] == ["desk.not_running"]
    assert any(model["champion"] and model["signal"] for model in asleep["models"])
    assert asleep["backups"]["last_verified"]
    assert len(list(home.backups)) == 1
    assert not list(home.root.rglob(".unfinished-*"))
