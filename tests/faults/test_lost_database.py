"""The database of a desk is lost or damaged: at its start, and while it serves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from tests.support.desks.running_desk import RunningDesk

ROOT = Path(__file__).parents[2]


def nightdesk(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, which ends by itself."""
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def losses(desk: RunningDesk) -> list[dict[str, Any]]:
    """The alerts of lost databases."""
    return [item for item in desk.get("/alerts")["items"] if item["rule"] in ("store.corrupt", "store.missing")]


def empty(home: Home) -> None:
    """As a power cut leaves it."""
    home.database.write_bytes(b"")
    home.database.with_name(home.database.name + "-wal").unlink(missing_ok=True)


def damage(home: Home) -> None:
    home.database.write_bytes(b"This is no database." * 500)


def delete(home: Home) -> None:
    for file in home.root.glob("nightdesk.sqlite3*"):
        file.unlink()


@pytest.mark.parametrize(
    ("lose", "code"), [(damage, "store.corrupt"), (empty, "store.missing")], ids=["damaged", "empty"]
)
def test_a_lost_database_is_restored_numbers_go_on_and_the_alert_stays_until_a_person_has_seen_it(
    rested: Home, lose: Callable[[Home], None], code: str
) -> None:
    lose(rested)
    before = rested.database.read_bytes()
    (rested.results / "evaluation-70").mkdir(parents=True)  # a run of after the backup
    if code == "store.missing":
        for words in (["status"], ["signals"], ["models"]):
            refused = nightdesk(rested, *words)
            assert refused.returncode == 1
            assert "is missing or empty, but the home holds 1 model version, 1 backup" in refused.stderr
            assert "nightdesk run" in refused.stderr
    with RunningDesk(rested) as desk:
        [alert] = losses(desk)
        assert (alert["rule"], alert["state"]) == (code, "firing")
        assert "was restored from backup_" in alert["message"]
        assert "what was recorded since 20" in alert["message"]
        [aside] = rested.root.glob("nightdesk.sqlite3.corrupt-*")
        assert aside.name in alert["message"]
        assert aside.read_bytes() == before
        status = desk.status()
        assert status["models"][0]["champion"]
        assert alert["message"] in [condition["message"] for condition in status["conditions"]]
        assert desk.get("/signals")["items"]
        assert desk.post("/jobs/signals/run")["id"] > 70
        assert not {run["id"] for run in desk.runs()} & set(range(10, 71))
    with RunningDesk(rested) as desk:
        [still] = losses(desk)
        assert (still["id"], still["state"]) == (alert["id"], "firing")
        acknowledged = desk.post(f"/alerts/{still['id']}/ack", {"author": "ann"})
        assert acknowledged["state"] == "resolved"
        assert acknowledged["message"].endswith("Acknowledged by ann.")
        again = desk.ask("POST", f"/alerts/{still['id']}/ack", json={})
        assert (again.status_code, again.json()["code"]) == (409, "alert.resolves_itself")


def test_a_database_lost_without_a_backup_is_begun_anew_loudly_and_by_run_once_too(rested: Home) -> None:
    delete(rested)
    shutil.rmtree(rested.backups[-1])
    ran = nightdesk(rested, "run-once", "maintenance")
    assert ran.returncode == 0
    assert "The database was missing or empty. There is no sound backup of it" in ran.stderr
    status = json.loads(nightdesk(rested, "--json", "status").stdout)
    [alert] = [item for item in status["alerts"] if item["rule"] == "store.missing"]
    assert alert["state"] == "firing"
    assert "began with an empty database" in alert["message"]
    assert "The home holds 1 model version" in alert["message"]
    acknowledged = nightdesk(rested, "alerts", "ack", str(alert["id"]))
    assert acknowledged.returncode == 0
    assert "Acknowledged by" in acknowledged.stdout
    assert json.loads(nightdesk(rested, "--json", "status").stdout)["alerts"] == []


@pytest.mark.parametrize(
    ("lose", "code"), [(damage, "store.corrupt"), (delete, "store.missing")], ids=["overwritten", "deleted"]
)
def test_a_database_lost_under_a_running_desk_ends_it_with_a_code_for_a_restart_which_restores_it(
    rested: Home, lose: Callable[[Home], None], code: str
) -> None:
    with RunningDesk(rested) as desk:
        desk.wait_for(lambda: desk.events("desk.started"))
        lose(rested)
        desk.wait(timeout=60)
        assert desk.code == 74, desk.printed
        [lost] = desk.events("desk.lost_database")
        assert lost["error"]["code"] == code
    with RunningDesk(rested) as desk:
        [alert] = losses(desk)
        assert "was restored from backup_" in alert["message"]
        assert desk.problems() == []
        assert desk.get("/signals")["items"]
