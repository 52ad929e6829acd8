from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.errors import UsageError
from config.names import folder_subject, safe_name, subject_folder, trader_subject
from config.paths import HOME_VARIABLE, Home
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
    assert folder_subject(subject_folder(symbol)) == symbol
    assert symbol not in {home.models_quarantine.name, "universe"}
    assert not Path(symbol).match("backup_????????_??????")


@given(st.from_regex(r"0x[0-9a-f]{1,40}", fullmatch=True))
def test_a_trader_has_a_folder_whose_name_is_safe_everywhere(address):
    folder = subject_folder(trader_subject(address))
    assert folder == safe_name("subject", f"trader-{address}")
    assert folder_subject(folder) == f"trader:{address}"
    with pytest.raises(ValidationError):
        TypeAdapter(Symbol).validate_python(folder)


@pytest.mark.parametrize("subject", ["trader:", "trader:..", "trader:0x6031/x", "other:0x6031", "a/b", "trader:0xyz"])
def test_a_subject_that_names_no_folder_is_refused(subject):
    with pytest.raises(UsageError, match="cannot be used as a file name"):
        subject_folder(subject)


def test_versions_are_listed_by_their_subject(tmp_path):
    home = Home(tmp_path)
    versions = {("AAPL", "ppo", "v1"), ("universe", "ppo", "v1"), ("trader:0x6031", "ppo", "v2")}
    for version in versions:
        home.model(*version).mkdir(parents=True)
    (home.models_quarantine / "AAPL-ppo-v0" / "x").mkdir(parents=True)
    home.backup(datetime(2026, 3, 1, tzinfo=UTC)).joinpath("models", "AAPL").mkdir(parents=True)
    assert home.versions == versions
    assert (home.models / "trader-0x6031" / "ppo" / "v2").is_dir()
    assert home.checkpoints("trader:0x6031", "ppo", "v2").parts[-3:] == ("trader-0x6031", "ppo", "v2")
    assert home.record("trader:0x6031", "ppo", "ab" * 32).parts[-3:] == ("trader-0x6031", "ppo", "ab" * 8)
    assert home.report("evaluation-1", "trader:0x6031").name == "trader-0x6031"


def test_a_home_is_the_option_else_the_variable_else_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    assert Home.find().root == tmp_path.resolve()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "variable"))
    assert Home.find().root == (tmp_path / "variable").resolve()
    assert Home.find(tmp_path / "option").root == (tmp_path / "option").resolve()


def test_backups_are_listed_oldest_first_and_nothing_else_is(tmp_path):
    home = Home(tmp_path)
    instants = [datetime(2026, 3, day, 4, 5, 6, tzinfo=UTC) for day in (2, 1)]
    for at in instants:
        home.backup(at).mkdir(parents=True)
        (home.backup(at) / "manifest.json").touch()
    (home.models / "AAPL").mkdir()
    (home.models / "backup_objects").mkdir()
    (home.models / "backup_20260303_040506").mkdir()  # its manifest never came, or was deleted
    (home.models / ".unfinished-x").mkdir()
    assert [path.name for path in home.backups] == ["backup_20260301_040506", "backup_20260302_040506"]


def test_paths_are_shown_relative_to_the_home(tmp_path):
    home = Home(tmp_path.resolve())
    assert home.relative(home.result("training-7") / "report.json") == "results/training-7/report.json"
    assert home.relative(Path("/somewhere/else.csv")) == "else.csv"
