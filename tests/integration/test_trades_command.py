"""`nightdesk data --trades`, from raw logs to the table, as a person types it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest

from config.paths import Home
from daemon.cli.app import main
from daemon.store import datasets
from daemon.system.lock import HomeLock
from data_pipeline.trader_logs.sequences import read_sequences
from tests.support.desks.fake_desk import empty_desk
from tests.support.markets.trader_logs import REAL
from tests.support.servers.http import TOKEN, serving
from tests.support.servers.s3 import KEY, KEY_ID, NAME, s3_server


@dataclass(frozen=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def nightdesk(home: Home, monkeypatch, capsys):
    def run(*words: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["nightdesk", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return CommandResult(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(REAL, tmp_path / "logs" / "merged_trades" / "0x6031")
    return tmp_path / "logs"


def test_a_folder_of_real_logs_becomes_the_homes_table(nightdesk, home, folder):
    result = nightdesk("data", "--trades", str(folder))
    assert result.code == 0
    figures = {line.rsplit(maxsplit=1)[0].strip(): line.rsplit(maxsplit=1)[1] for line in result.out.splitlines()}
    assert (figures["markets"], figures["events"], figures["logs fetched"]) == ("3", "457", "3")
    assert (figures["seconds of a bar"], figures["fills without a row"]) == ("30", "0")
    assert (figures["sequences, train"], figures["sequences, validation"]) == ("240", "120")
    assert "There are 240 sequences to learn from; fewer than 1000 teach a network little." in result.out
    assert "100% done" in result.err
    assert result.out.endswith("Written: data/processed_trader_data.parquet\n")
    assert len(read_sequences(home.trader_table, "train")) == int(figures["sequences, train"])


def test_table_and_logs_are_datasets_with_their_lineage(nightdesk, home, folder):
    table = nightdesk("data", "--trades", str(folder), "--json").json
    listed = nightdesk("data", "list", "--json").json["trader_table"]
    assert (listed["id"], listed["rows"], listed["interval"]) == (table["id"], sum(table["sequences"].values()), "30s")
    assert table["id"] in nightdesk("data", "list").out
    lineage = nightdesk("data", "lineage", table["id"][:12], "--json").json
    labels = {"barriers": "fixed", "profit": 0.02, "stop": 0.02, "patience": 20}
    made = {"markets": "*", "seconds": 30, "window": 128, "train": 0.8, "strong": 0.8, "repeats": "keep", **labels}
    assert {name: lineage["parameters"][name] for name in made} == made
    logs = nightdesk("data", "lineage", lineage["source_logs"]["dataset"], "--json").json
    assert (logs["dataset"]["kind"], logs["dataset"]["source"], logs["dataset"]["rows"]) == ("trade_logs", "folder", 3)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in REAL.glob("*.json")}
    assert {log["key"].rpartition("/")[2]: log["sha256"] for log in logs["logs"]} == sums
    assert (home.root / logs["logs_file"]).exists()
    text = nightdesk("data", "lineage", table["id"]).out
    assert "made of: 3 logs" in text
    assert "seconds 30" in text


def test_a_table_of_other_logs_replaces_the_one_before_it(nightdesk, folder):
    first = nightdesk("data", "--trades", str(folder), "--json").json["id"]
    next(folder.rglob("*_prices.json")).unlink()
    second = nightdesk("data", "--trades", str(folder), "--json").json["id"]
    assert nightdesk("data", "lineage", first, "--json").json["replaced_by"]["dataset"] == second


def test_a_running_desk_records_the_new_table(nightdesk, home, folder, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_TOKEN", TOKEN)
    with empty_desk(home) as desk, serving(desk) as url, HomeLock(home, "desk") as lock:
        lock.publish(api=url)
        result = nightdesk("data", "--trades", str(folder), "--json")
        assert result.code == 0
        (table,) = desk.database.read(lambda c: [row for row in datasets.latest(c) if row.kind == "trader_table"])
    assert table.dataset == result.json["id"]


def test_a_home_that_another_process_holds_is_left_alone(nightdesk, home, folder):
    with HomeLock(home, "run-once"):
        result = nightdesk("data", "--trades", str(folder))
    assert (result.code, home.trader_table.exists()) == (75, False)


def test_a_damaged_table_is_reported_with_its_cure(nightdesk, home, folder):
    nightdesk("data", "--trades", str(folder))
    home.trader_table.write_bytes(b"torn")
    result = nightdesk("data", "list")
    assert (result.code, "data --trades PLACE" in result.err) == (1, True)


def test_out_and_bar_set_the_place_of_the_table_and_the_length_of_its_bars(nightdesk, home, folder, tmp_path):
    result = nightdesk("data", "--trades", str(folder), "--out", str(tmp_path / "x.parquet"), "--bar", "5s", "--json")
    assert result.json["markets"] == 3
    with pq.ParquetFile(tmp_path / "x.parquet") as file:
        assert file.metadata.num_rows == sum(result.json["sequences"].values())
        assert json.loads(file.schema_arrow.metadata[b"nightdesk"])["seconds"] == 5
    assert not home.trader_table.exists()


def test_a_second_time_only_what_is_new_is_fetched(nightdesk, folder):
    first = nightdesk("data", "--trades", str(folder), "--json").json
    second = nightdesk("data", "--trades", str(folder), "--json").json
    assert (first["pull"]["fetched"], second["pull"]["fetched"], second["pull"]["unchanged"]) == (3, 0, 3)
    assert first["id"] == second["id"]


def test_a_torn_log_is_named_and_the_others_are_used(nightdesk, home, folder):
    (folder / "torn_prices.json").write_text("{")
    result = nightdesk("data", "--trades", str(folder))
    assert result.code == 0
    assert "'torn_prices.json': trades.torn" in result.err
    assert "logs refused: trades.torn" in result.out
    assert (home.trades_quarantine / "torn_prices.json").exists()


def test_a_bucket_behind_an_endpoint_is_pulled_with_keys_from_the_environment(nightdesk, home, monkeypatch):
    monkeypatch.setenv("R2_BUCKET_NAME", NAME)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", KEY)
    with s3_server() as server:
        server.put_many({f"merged_trades/0x6031/{path.name}": path.read_bytes() for path in REAL.glob("*.json")})
        result = nightdesk("data", "--trades", server.url, "--json", "-vv")
    assert result.code == 0
    assert result.json["markets"] == 3
    assert KEY not in result.out + result.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nowhere"], "r2.unreachable"),
        (["ftp://host/bucket"], "trades.place"),
        (["https://host.example"], "config.secret"),
        ([".", "--bar", "15 sheep"], "trades.bar"),
        ([".", "--bar", "0.5s"], "trades.bar"),
        ([".", "--bar", "2d"], "trades.bar"),
        ([".", "--strong", "1.5"], "trades.strong"),
        ([".", "--train-share", "0"], "trades.train_share"),
        ([".", "--window", "1"], "trades.window"),
        ([".", "--markets", "../*"], "trades.markets"),
        (["."], "r2.own_folder"),
        (["empty"], "trades.empty"),
    ],
)
def test_wrong_arguments_give_an_error_with_a_code(nightdesk, tmp_path, monkeypatch, words, code):
    monkeypatch.chdir(tmp_path / "home")
    (tmp_path / "home" / "empty").mkdir()
    for name in ("R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = nightdesk("data", "--json", "--trades", *words)
    assert result.code in (1, 2, 4)
    assert json.loads(result.err.splitlines()[-1])["error"]["code"] == code


def test_flags_choose_markets_window_barriers_strength_and_training_share(nightdesk, folder):
    slugs = sorted(path.name.removesuffix("_prices.json") for path in folder.rglob("*_prices.json"))
    only = ["--markets", slugs[0], slugs[1].replace("ethereum", "eth*"), "--window", "60"]
    other = ["--profit", "0.1", "--stop", "0.2", "--patience", "5", "--strong", "0.5", "--train-share", "0.5"]
    table = nightdesk("data", "--trades", str(folder), *only, *other, "--json").json
    assert (table["markets"], table["seconds"]) == (2, 60)
    assert (table["profit"], table["stop"], table["patience"], table["barriers"]) == (0.1, 0.2, 5, "fixed")
    assert (table["sequences"]["train"], table["sequences"]["validation"]) == (60, 60)
    fitted = nightdesk("data", "--trades", str(folder), "--fit-barriers")
    assert "barriers, fitted" in fitted.out
    without = nightdesk("data", "--profit", "0.1", "--json")
    assert (without.code, json.loads(without.err)["error"]["code"]) == (2, "option.without_trades")


def test_the_keys_of_a_bucket_may_stand_in_a_file_of_variables_and_are_never_shown(
    nightdesk, home, monkeypatch, tmp_path
):
    for name in ("R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    lines = [
        f"export R2_BUCKET_NAME={NAME}",
        f"R2_ACCESS_KEY_ID='{KEY_ID}'  # the id",
        f'R2_SECRET_ACCESS_KEY = "{KEY}"',
    ]
    (tmp_path / ".env").write_text("\n".join(["# Cloudflare", *lines, ""]))
    document = {"sources": {"bucket": {"env_file": str(tmp_path / ".env")}}}
    (home.root / "training_config.json").write_text(json.dumps(document))
    with s3_server() as server:
        server.put_many({f"merged_trades/0x6031/{path.name}": path.read_bytes() for path in REAL.glob("*.json")})
        result = nightdesk("data", "--trades", server.url, "--json", "-vv")
        assert (result.code, result.json["markets"]) == (0, 3)
        (tmp_path / ".env").write_text(f"R2_BUCKET_NAME={NAME}")
        without = nightdesk("data", "--trades", server.url, "--json")
    error = json.loads(without.err.splitlines()[-1])["error"]
    assert (error["code"], ".env gives R2_ACCESS_KEY_ID" in error["message"]) == ("config.secret", True)
    logged = "".join(path.read_text() for path in home.root.rglob("*.jsonl"))
    assert KEY not in result.out + result.err + without.err + logged
