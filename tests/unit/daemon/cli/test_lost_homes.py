"""What the commands say of a home that is half restored, or whose database is not where they look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config import NightdeskError, Settings
from config.paths import Home
from daemon.cli import checks, offline
from daemon.cli.choices import Choices
from daemon.cli.commands.backups import _refuse_no_desk
from tests.support.models.model_folders import write_model


@pytest.fixture
def target(home: Home) -> Choices:
    return Choices(home, None, json=False, verbose=0)


def read_records(target: Choices) -> None:
    with offline.records(target):
        pass


@pytest.mark.parametrize("command", [read_records, _refuse_no_desk], ids=["status", "backup"])
def test_a_half_restored_home_is_named_so(target: Choices, command: Callable[[Choices], None]) -> None:
    target.home.restoring.write_text('{"backup": "backup_20260105_030405"}')
    write_model(target.home, "AAPL", "v1")
    with pytest.raises(NightdeskError, match="was cut off") as caught:
        command(target)
    assert "--backup backup_20260105_030405" in caught.value.cure
    check = checks.database(target, Settings(), None)
    assert (check.state, check.finding) == ("fail", caught.value.message)


def test_a_home_that_has_lost_its_database_is_backed_up_and_an_empty_one_is_not(target: Choices) -> None:
    with pytest.raises(NightdeskError, match="No desk has ever worked"):
        _refuse_no_desk(target)
    write_model(target.home, "AAPL", "v1")
    _refuse_no_desk(target)


def test_the_doctor_looks_for_no_embedded_database_where_a_server_has_it(target: Choices) -> None:
    write_model(target.home, "AAPL", "v1")
    on_server = Settings.model_validate({"database": {"url": "env:NIGHTDESK_DATABASE_URL"}})
    assert checks.database(target, Settings(), None).state == "fail"
    check = checks.database(target, on_server, None)
    assert (check.state, "server" in check.finding) == ("ok", True)
