from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.errors import UsageError
from config.paths import HOME_VARIABLE, Home, safe_name
from config.settings import Symbol


@given(st.text())
def test_a_safe_name_is_one_visible_folder_below_its_parent(name):
    try:
        safe = safe_name("symbol", name)
    except UsageError:
        return
    parent = Path("/parent")
    assert (parent / safe).resolve().parent == parent
    assert not safe.startswith(".")


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "a\\b", "a\0b", "A\n", "~", "-rf", "x" * 65, ".hidden"])
def test_unsafe_names_are_refused_with_the_name(name):
    with pytest.raises(UsageError) as caught:
        Home(Path("/home")).model("AAPL", "behavioral_cloner", name)
    assert repr(name) in caught.value.message
    assert (caught.value.code, caught.value.exit_code) == ("name.unsafe", 2)


@given(st.text(alphabet="ABab19^._=-/", max_size=40))
def test_every_symbol_the_settings_accept_names_a_folder_of_its_own(symbol):
    try:
        TypeAdapter(Symbol).validate_python(symbol)
    except ValidationError:
        return
    home = Home(Path("/home"))
    assert home.model(symbol, "m", "1").relative_to(home.models).parts == (symbol, "m", "1")
    assert symbol != home.models_quarantine.name
    assert not Path(symbol).match("backup_????????_??????")


def test_a_home_is_the_option_else_the_variable_else_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    assert Home.find().root == tmp_path.resolve()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "variable"))
    assert Home.find().root == (tmp_path / "variable").resolve()
    assert Home.find(tmp_path / "option").root == (tmp_path / "option").resolve()


def test_backups_are_listed_oldest_first_and_nothing_else_is(tmp_path):
    home = Home(tmp_path)
    taken = [datetime(2026, 3, day, 4, 5, 6, tzinfo=UTC) for day in (2, 1)]
    for at in taken:
        home.backup(at).mkdir(parents=True)
    (home.models / "AAPL").mkdir()
    (home.models / ".unfinished-x").mkdir()
    assert [path.name for path in home.backups] == ["backup_20260301_040506", "backup_20260302_040506"]


def test_readers_are_told_paths_relative_to_the_home(tmp_path):
    home = Home(tmp_path.resolve())
    assert home.relative(home.result("training-7") / "report.json") == "results/training-7/report.json"
    assert home.relative(Path("/somewhere/else.csv")) == "else.csv"
