"""A home after its first night, made once and copied for each test that needs one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.paths import Home
from tests.support.desks.running_desk import RunningDesk, write_config


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first night is over."""
    home = Home(tmp_path_factory.mktemp("first_night") / "home")
    write_config(home)
    with RunningDesk(home) as desk:
        desk.wait_for(lambda: desk.get("/status")["backups"]["last_verified"])
        desk.rest()
        assert desk.terminate() == 0
    return home.root


@pytest.fixture
def rested(first_night: Path, home: Home) -> Home:
    """A home of its own, in which a champion serves."""
    shutil.copytree(first_night, home.root, dirs_exist_ok=True)
    return home
