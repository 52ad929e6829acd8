"""Stored data as `nightdesk data` and its verbs show it: healthy, damaged, replaced, and exported."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.paths import Home
from daemon.cli.app import main
from daemon.store import datasets
from data_pipeline.bars.store import BarStore, Dataset
from data_pipeline.sources.csv import CsvSource
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.fake_desk import filled_desk
from tests.support.servers.fake_yahoo import fake_yahoo

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def nightdesk(home: Home, monkeypatch, capsys):
    """The command, in this process."""

    def run(*words: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["nightdesk", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return CommandResult(ended.value.code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def stored(home: Home) -> list[Dataset]:
    """Two symbols; the history of the first was revised once."""
    store = BarStore(home)
    bars = SampleSource().fetch("AAPL", "1d", START, END)
    first = store.save(bars.tail(50), START)
    newest = store.save(bars, END, "mended", first)
    return [first, newest, store.save(SampleSource().fetch("MSFT", "1d", START, END), END)]


@pytest.mark.parametrize("words", [("data", "list"), ("data", "--list"), ("data", "check"), ("data", "--check")])
def test_a_torn_file_is_named_and_the_others_are_listed_all_the_same(home: Home, nightdesk, stored, words) -> None:
    home.bars("sample", "AAPL", "1d").write_bytes(b"torn")
    result = nightdesk(*words, "--json")
    assert result.code == 1
    torn, whole = result.json["datasets"]
    assert (torn["symbol"], torn["problem"]["code"]) == ("AAPL", "data.corrupt")
    assert (whole["symbol"], whole["problem"], whole["rows"]) == ("MSFT", None, stored[2].rows)
    assert "data/bars/sample/AAPL/1d.parquet" in nightdesk(*words).err


def test_health_is_listed_beside_what_is_stored(nightdesk, stored) -> None:
    datasets = nightdesk("data", "list", "MSFT", "--json").json["datasets"]
    assert [dataset["symbol"] for dataset in datasets] == ["MSFT"]
    health = datasets[0]["health"]
    assert 0.0 < health["freshness"] < 0.1
    assert health["warnings"].keys() == {"stale"}
    assert f"{health['index']:.3f}" in nightdesk("data", "list").out


def test_one_symbol_is_shown_with_its_newest_bars_and_what_was_replaced(home, nightdesk, stored) -> None:
    home.config.write_text('{"sources": {"bars": "sample"}}')
    document = nightdesk("data", "show", "AAPL", "--json").json
    assert (document["id"], document["why"], document["replaces"]) == (stored[1].id, "mended", stored[0].id)
    assert [old["id"] for old in document["revisions"]] == [stored[0].id]
    assert document["bars"][-1]["time"] == stored[1].last.isoformat()
    result = nightdesk("data", "show", "AAPL")
    assert stored[0].id in result.out
    assert "completeness" in result.out


def test_the_health_of_a_symbol_is_drawn(home, nightdesk, stored, tmp_path: Path) -> None:
    assert nightdesk("data", "show", "AAPL", "--plot", str(tmp_path / "health.png")).code == 0
    assert (tmp_path / "health.png").read_bytes().startswith(b"\x89PNG")


def test_an_export_prints_its_path_its_rows_and_the_source_of_the_bars(nightdesk, stored, tmp_path: Path) -> None:
    picture, table = tmp_path / "health.png", tmp_path / "AAPL.csv"
    assert f"Health drawn: {picture}\n" in nightdesk("data", "show", "AAPL", "--plot", str(picture)).out
    message = f"{table}: {stored[1].rows} bars of AAPL from sample\n"
    assert nightdesk("data", "export", "AAPL", "--to", str(table)).out == message


@pytest.mark.parametrize("verb", ["list", "check"])
def test_a_symbol_without_stored_bars_is_a_usage_error(nightdesk, stored, verb: str) -> None:
    result = nightdesk("data", verb, "AAPL", "APPL")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: There are no stored bars of APPL.\nCure: ")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_comes_back_as_the_same_bars(nightdesk, stored, tmp_path: Path, kind: str) -> None:
    result = nightdesk("data", "export", "AAPL", "--to", str(tmp_path / f"AAPL.{kind}"), "--json")
    expected = {"symbol": "AAPL", "source": "sample", "dataset": stored[1].id, "rows": stored[1].rows}
    assert result.json == {**expected, "written": f"AAPL.{kind}"}
    back = CsvSource(tmp_path).fetch("AAPL", "1d", START, END).frame
    bars = SampleSource().fetch("AAPL", "1d", START, END).frame
    pd.testing.assert_frame_equal(back, bars, check_freq=False, rtol=1e-15)


def test_a_dataset_that_was_replaced_or_continued_can_still_be_exported(nightdesk, stored, tmp_path: Path) -> None:
    bars = SampleSource().fetch("AAPL", "1d", START, END)
    for dataset, expected in ((stored[0].id, bars.tail(50)), (bars.head(70).fingerprint(), bars.head(70))):
        to = tmp_path / "AAPL.csv"
        result = nightdesk("data", "export", "AAPL", "--to", str(to), "--dataset", dataset[:16], "--json")
        assert (result.json["dataset"], result.json["rows"]) == (dataset, len(expected))
        back = CsvSource(tmp_path).fetch("AAPL", "1d", START, END).frame
        pd.testing.assert_frame_equal(back, expected.frame, check_freq=False, rtol=1e-15)


@pytest.mark.parametrize(("dataset", "code"), [("0" * 64, "dataset.gone"), ("0123", "dataset.short")])
def test_an_unknown_dataset_is_refused_with_the_command_that_lists_them(
    nightdesk, stored, tmp_path: Path, dataset: str, code: str
) -> None:
    result = nightdesk("data", "export", "AAPL", "--to", str(tmp_path / "x.csv"), "--dataset", dataset, "--json")
    assert (result.code, json.loads(result.err)["error"]["code"]) == (2, code)
    assert not (tmp_path / "x.csv").exists()


def test_an_export_of_another_kind_or_of_nothing_is_refused(nightdesk, stored, tmp_path: Path) -> None:
    refused = nightdesk("data", "export", "AAPL", "--to", str(tmp_path / "AAPL.xlsx"))
    assert (refused.code, "Name it .csv or .parquet" in refused.err) == (2, True)
    missing = nightdesk("data", "export", "NONE", "--to", str(tmp_path / "NONE.csv"), "--json")
    assert json.loads(missing.err)["error"]["code"] == "data.missing"
    assert list(tmp_path.glob("*.*")) == []


def test_a_symbol_is_understood_in_whatever_case_it_is_typed(nightdesk, stored, tmp_path: Path) -> None:
    assert nightdesk("data", "show", "aapl", "--json").json["symbol"] == "AAPL"
    assert [dataset["symbol"] for dataset in nightdesk("data", "list", "msft", "--json").json["datasets"]] == ["MSFT"]
    assert nightdesk("data", "export", "Msft", "--to", str(tmp_path / "x.csv"), "--json").json["symbol"] == "MSFT"
    assert "nvda" in nightdesk("data", "show", "nvda").err  # neither configured nor stored: as it was typed


def test_a_person_accepts_a_rewritten_history_by_a_command(home: Home, nightdesk) -> None:
    now = datetime.now(UTC)
    with fake_yahoo() as yahoo:
        yahoo.serve("AAPL", SampleSource().fetch("AAPL", "1d", now - timedelta(days=90), now).frame)
        home.config.write_text(json.dumps({"sources": {"bars": "yahoo", "yahoo": {"base_url": yahoo.url}}}))
        assert nightdesk("data", "--symbol", "AAPL").code == 0
        yahoo.rows["AAPL", "1d"].iloc[:, :4] *= 1.01
        refused = nightdesk("data", "--symbol", "AAPL")
        assert (refused.code, "`nightdesk data accept AAPL`" in refused.err) == (1, True)
        accepted = nightdesk("data", "accept", "aapl", "--why", "the vendor says so", "--json")
        (run,) = accepted.json["runs"]
        assert (accepted.code, run["detail"]["revised"]) == (0, {"AAPL": "accepted"})
        assert run["detail"]["accepted"]["AAPL"]["largest"] == pytest.approx(0.01)
        again = nightdesk("data", "accept", "AAPL")
        assert (again.code, "there was nothing to accept" in again.out) == (0, True)
    newest = BarStore(home).dataset("AAPL", "1d", "yahoo")
    assert newest is not None
    assert [old.id for old in BarStore(home).revisions("AAPL", "1d", "yahoo")] == [newest.replaces]
    lineage = nightdesk("data", "lineage", newest.id)
    assert f"accepted by {run['options']['accept']['author']}" in lineage.out
    assert "the vendor says so" in lineage.out


def test_the_models_of_a_dataset_are_listed(home, nightdesk) -> None:
    with filled_desk(home) as desk:
        desk.database.write(_recorded)
    result = nightdesk("data", "lineage", "d" * 10)
    assert result.code == 0
    assert "behavioral_cloner" in result.out
    assert nightdesk("data", "lineage", "d" * 10, "--json").json["dataset"]["dataset"] == "d" * 64
    assert nightdesk("data", "lineage", "0" * 10).code == 2


def _recorded(c: Any) -> None:
    datasets.record(
        c,
        datasets.NewDataset(
            dataset="d" * 64,
            kind="bars",
            source="yahoo",
            symbol="AAPL",
            interval="1d",
            first=START,
            last=END,
            rows=250,
            pulled_at=END,
            detail={"why": "first", "replaces": None},
        ),
    )
