"""A lost database: where a copy is looked for before an empty one is begun, and how often that is reported."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from config import Settings
from config.paths import Home
from daemon import backups, bootstrap
from daemon.opening.database import Opened, open_database
from daemon.store import alerts, versions
from daemon.system.clock import SystemClock
from tests.support.desks.backed_up_home import drop_database, fill, refusal, take


def opened(home: Home, settings: Settings) -> Opened:
    return open_database(home, settings, SystemClock())


def settings_with(place: Path) -> Settings:
    return Settings.model_validate({"backup": {"to": [str(place)]}})


@pytest.fixture
def outside(home: Home, tmp_path: Path) -> Path:
    """The only backup of a home whose database is gone lies here."""
    with closing(opened(home, Settings())) as desk:
        fill(home, desk.database)
        name = take(home, desk.database).name
    folder = tmp_path / "outside"
    target = backups.open_place(backups.named_place(str(folder)), home, create=True)
    backups.copy(backups.home_repository(home), name, target)
    shutil.rmtree(home.models / name)
    drop_database(home)
    return folder


def champions(desk: Opened) -> list[str]:
    return sorted(f"{row.subject} {row.version}" for row in desk.database.read(versions.champions))


def test_a_copy_at_a_place_of_the_config_is_restored_where_the_home_has_none(home: Home, outside: Path) -> None:
    with closing(opened(home, settings_with(outside))) as desk:
        assert champions(desk) == ["AAPL v2", "BTC-USD v1"]
        assert desk.loss is not None
        assert f"was restored from backup_20260105_030405 in {settings_with(outside).backup.labels[0]}" in (
            desk.loss.message
        )


def test_no_empty_database_is_begun_while_a_place_cannot_be_asked(home: Home, outside: Path, tmp_path: Path) -> None:
    error = refusal(opened, home, settings_with(tmp_path / "not mounted"))
    assert error.code == "store.missing"
    assert "not mounted" in error.message
    assert not home.database.exists()
    with closing(opened(home, settings_with(outside))) as desk:
        assert champions(desk)


def test_a_damaged_database_stays_in_its_place_while_a_place_cannot_be_asked(
    home: Home, outside: Path, tmp_path: Path
) -> None:
    home.database.write_bytes(b"no database" * 500)
    assert refusal(opened, home, settings_with(tmp_path / "not mounted")).code == "store.corrupt"
    assert home.database.read_bytes() == b"no database" * 500


def test_the_backups_of_another_desk_are_left_alone_and_the_places_asked_are_named(home: Home, outside: Path) -> None:
    home.desk_id.write_text("0" * 32)
    with closing(opened(home, settings_with(outside))) as desk:
        assert champions(desk) == []
        assert desk.loss is not None
        assert f"neither in the home nor in {settings_with(outside).backup.labels[0]}" in desk.loss.message


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_home_that_was_begun_anew_reports_its_loss_once(home: Home, acknowledged: bool) -> None:
    with bootstrap.exclusive(home, None, "test") as database:
        [alert] = database.read(alerts.open_alerts)
        if acknowledged:
            now = alert.updated_at
            database.write(lambda c: alerts.acknowledge(c, alert.id, "ann", Settings(), now))
    with bootstrap.exclusive(home, None, "test") as database:
        assert [each.id for each in database.read(alerts.page)] == [alert.id]


@pytest.mark.parametrize("torn", [b"", b"\x00" * 33], ids=["empty", "zeros"])
def test_a_torn_id_is_written_again_from_the_embedded_database(home: Home, torn: bytes) -> None:
    with closing(opened(home, Settings())) as desk:
        before = desk.desk
    home.desk_id.write_bytes(torn)
    with closing(opened(home, Settings())) as desk:
        assert desk.desk == before
    assert home.desk_id.read_text() == f"{before}\n"
