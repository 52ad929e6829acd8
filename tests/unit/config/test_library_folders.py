"""Where libraries keep their folders: in the desk's home for workers, and for a user without a home of their own."""

from __future__ import annotations

import os
import site
import tempfile
from pathlib import Path

import pytest

from config.library_folders import replace_missing_home_folder, worker_variables
from config.paths import HOME_VARIABLE, Home

NAMES = {"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}


def test_a_worker_gets_folders_below_the_desks_cache_and_they_exist(home: Home) -> None:
    variables = worker_variables(home)
    assert variables.keys() >= NAMES
    for name in NAMES:
        folder = Path(variables[name])
        assert folder.is_dir()
        assert folder.is_relative_to(home.library_home)
    assert len({variables[name] for name in NAMES}) == len(NAMES)


def test_a_worker_uses_the_systems_temporary_folder_if_there_is_one(home: Home) -> None:
    assert "TMPDIR" not in worker_variables(home)


@pytest.mark.parametrize("fallback", ["the working directory", "none"])
def test_a_worker_without_a_temporary_folder_gets_one(home: Home, monkeypatch, tmp_path, fallback) -> None:
    def gettempdir() -> str:
        if fallback == "none":
            raise FileNotFoundError
        return str(tmp_path)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "gettempdir", gettempdir)
    assert Path(worker_variables(home)["TMPDIR"]).is_dir()


def test_packages_that_a_user_installed_are_found_by_workers_too(home: Home, monkeypatch) -> None:
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    assert worker_variables(home)["PYTHONUSERBASE"] == site.getuserbase()
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    assert "PYTHONUSERBASE" not in worker_variables(home)


def test_a_disk_that_takes_no_folder_does_not_keep_a_worker_from_starting(tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert worker_variables(Home(blocked)).keys() >= NAMES


def test_a_command_keeps_the_home_folder_of_its_user(home: Home, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    replace_missing_home_folder(home)
    assert os.environ["HOME"] == str(tmp_path)


@pytest.mark.parametrize("missing", ["/nonexistent", "~", "/proc/self"])
def test_a_command_whose_user_has_no_home_folder_uses_the_desks(home: Home, monkeypatch, missing) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, missing)
    replace_missing_home_folder(home)
    assert {name for name in NAMES if Path(os.environ[name]).is_relative_to(home.root)} == NAMES
    assert list(home.root.iterdir()) == []


def test_the_variable_of_the_desks_own_home_is_not_touched(home: Home) -> None:
    assert HOME_VARIABLE not in worker_variables(home)
