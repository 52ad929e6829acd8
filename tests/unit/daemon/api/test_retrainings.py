"""Retrainings for a reason, where readers look: the list, the training, the model, the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from config.paths import Home
from daemon.api.answers import RetrainingPage
from daemon.api.app import create_app
from daemon.cli.commands.retrainings import _show
from daemon.cli.offline import Records
from daemon.cli.output import answer
from daemon.domain.retraining import Diagnosis
from daemon.store import retrainings, versions
from tests.support.desks.fake_desk import NOW, filled_desk

MESSAGE = "The drift (PSI) of the actions is 0.6; the threshold is 0.25."
TRAINING = 2


def retrain(c: Connection, days: int, *, own_run: bool = True) -> None:
    version = versions.champions(c)[0]
    new = retrainings.NewRetraining(
        subject=version.subject, model_type=version.model_type, data_until=NOW - timedelta(days=days),
        version_id=version.id, diagnoses=(Diagnosis(reason="drift", message=MESSAGE, value=0.6, threshold=0.25),),
        started_at=NOW - timedelta(days=days), run_id=TRAINING, own_run=own_run,
    )  # fmt: skip
    assert retrainings.claim(c, new)


@pytest.fixture
def records(home: Home):
    with filled_desk(home) as desk:
        desk.database.write(lambda c: retrain(c, 3, own_run=False))
        desk.database.write(lambda c: retrain(c, 1))
        yield Records(create_app(desk, None, desk.settings.api))


def test_they_are_listed_newest_first_page_by_page_and_by_subject(records):
    newest = records.get("/retrainings", limit=1)
    [item] = newest["items"]
    assert (item["subject"], item["run_id"], item["own_run"]) == ("AAPL", TRAINING, True)
    assert item["diagnoses"] == [{"reason": "drift", "message": MESSAGE, "value": 0.6, "threshold": 0.25}]
    earlier = records.get("/retrainings", limit=1, cursor=newest["next"])
    assert [each["own_run"] for each in earlier["items"]] == [False]
    assert earlier["next"] is None
    assert records.get("/retrainings", subject="MSFT")["items"] == []


def test_a_training_and_a_model_name_the_reasons(records):
    assert [each["own_run"] for each in records.get(f"/runs/{TRAINING}")["retrainings"]] == [False, True]
    assert records.get("/runs/1")["retrainings"] == []
    models = {model["subject"]: model["retraining"] for model in records.get("/status")["models"]}
    assert models["AAPL"]["diagnoses"][0]["message"] == MESSAGE
    assert models["MSFT"] is None


def test_the_command_line_prints_the_reasons_and_whether_the_schedule_brought_the_training(records, capsys):
    document = records.get("/retrainings")
    assert len(RetrainingPage.model_validate(document).items) == 2
    answer(document, as_json=False, render=_show)
    printed = " ".join(capsys.readouterr().out.split())
    assert MESSAGE in printed
    assert "training-2, by the schedule" in printed
