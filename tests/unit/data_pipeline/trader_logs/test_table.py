from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from config.errors import NightdeskError
from data_pipeline.trader_logs import table as trader_table
from data_pipeline.trader_logs.sequences import read_sequences, table_facts
from data_pipeline.trader_logs.states import GROUPS, NAMES, SCALED
from data_pipeline.trader_logs.table import TableOptions, make_table
from tests.support.markets.trader_logs import REAL, log, quote, trade, wandering_market


def write(folder, markets: int, *, every: int = 4):
    """Markets of an hour each, one `every` so many hours, redeemed two and a half after they open; their logs."""
    logs = []
    for nth in range(markets):
        key = f"merged_trades/0x{nth % 2}/m{nth:04}_prices.json"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wandering_market(nth, events=120, opens=nth * every))
        logs.append((key, path))
    return logs


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    out = folder / "processed_trader_data.parquet"
    report = make_table(write(folder, 10), out)
    return out, report, pd.read_parquet(out)


def test_the_table_has_a_row_for_each_decision_with_its_17_states_action_return_and_split(published):
    _, report, table = published
    assert list(table.columns) == [
        *("market", "address", "slug", "time", "price", "net", "trades", "reward"),
        *("label", "pnl", "bars_held"),
        *NAMES,
        *("action", "split"),
    ]
    assert len(table) == sum(report.sequences.values()) > 1000
    assert not table.drop(columns=["label", "pnl", "bars_held"]).isna().any().any()
    assert set(table["address"]) == {"0x0", "0x1"}
    assert table["slug"].nunique() == report.markets == 10
    assert str(table["time"].dtype) == "datetime64[ms, UTC]"


def test_markets_are_split_whole_by_time_and_the_newest_are_not_learnt_from(published):
    _, report, table = published
    assert (table.groupby("slug")["split"].nunique() == 1).all()
    train, validation = (table.loc[table["split"] == name, "time"] for name in ("train", "validation"))
    assert train.max() < validation.min()
    assert table.loc[table["split"] == "validation", "slug"].nunique() == 2
    assert report.sequences["purged"] == 0


def test_a_market_that_is_settled_after_the_cut_is_not_learnt_from(tmp_path):
    """Its returns to go know what its redemption brought."""
    report = make_table(write(tmp_path, 10, every=1), tmp_path / "t.parquet")
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert set(table.loc[table["split"] == "purged", "slug"]) == {"m0006", "m0007"}
    cut = table.loc[table["split"] == "validation", "time"].min()
    settled = table.loc[table["split"] == "train", "time"].min() + pd.Timedelta(hours=5 + 2.5)
    assert settled < cut < settled + pd.Timedelta(hours=1)
    assert report.last == "2026-01-02T14:30:00.001000+00:00"


def test_when_every_market_is_settled_after_the_cut_nothing_is_written(tmp_path):
    with pytest.raises(NightdeskError, match="before the first one to validate on begins") as caught:
        make_table(write(tmp_path, 3, every=1), tmp_path / "t.parquet")
    assert caught.value.code == "trades.no_training"
    assert not (tmp_path / "t.parquet").exists()


def test_every_decision_that_has_time_left_is_labelled_by_the_barriers_of_the_choice(published, tmp_path):
    _, _, table = published
    bars_left = table.groupby("market").cumcount(ascending=False)
    pd.testing.assert_series_equal(table["label"].notna(), (table["net"] != 0) & (bars_left >= 20), check_names=False)
    assert set(table["label"].dropna()) == {-1.0, 0.0, 1.0}
    won = table["label"] == 1
    assert table.loc[won, "pnl"].min() > 0.02
    hasty = TableOptions(profit=0.5, stop=0.5, patience=1)
    make_table(write(tmp_path, 2), tmp_path / "t.parquet", hasty)
    assert set(pd.read_parquet(tmp_path / "t.parquet")["bars_held"].dropna()) == {1.0}


def test_a_market_that_lies_across_the_cut_belongs_to_no_split(tmp_path):
    logs = write(tmp_path, 4)
    late = tmp_path / "merged_trades/0x0/across_prices.json"
    seconds = range(0, 13 * 3600, 120)
    late.write_bytes(log([trade(at, 0.4 + at % 7 / 100, tx=f"0x{at}") for at in seconds]))
    report = make_table([*logs, ("across", late)], tmp_path / "t.parquet", TableOptions(train=0.7))
    assert report.sequences["purged"] > 0
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert set(table.loc[table["split"] == "purged", "slug"]) == {"across"}


def test_the_threshold_for_strong_and_the_scaler_come_from_training_markets_alone(published, tmp_path):
    out, _, table = published
    with pq.ParquetFile(out) as file:
        facts = table_facts(file)
    train = table[table["split"] == "train"]
    amounts = train.loc[train["net"] != 0, "net"].abs()
    assert facts["strong_amount"] == pytest.approx(amounts.quantile(0.8), rel=0.02)
    np.testing.assert_allclose(facts["centre"], train[list(NAMES[:SCALED])].astype("f8").mean(), rtol=1e-6)
    strong = table["net"].abs() >= facts["strong_amount"]
    assert set(table.loc[strong, "action"]) == {0, 4}
    assert set(table.loc[~strong & (table["net"] > 0), "action"]) == {1}
    assert set(table.loc[table["trades"] == 0, "action"]) == {2}


def test_later_markets_do_not_change_what_was_computed_from_training_markets(tmp_path):
    logs = write(tmp_path, 10)
    make_table(logs, tmp_path / "a.parquet")
    logs[9][1].write_bytes(wandering_market(999, events=200, opens=36))
    make_table(logs, tmp_path / "b.parquet")
    a, b = (pd.read_parquet(tmp_path / name).query("split == 'train'") for name in ("a.parquet", "b.parquet"))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_equal_logs_make_equal_tables_with_equal_names(published, tmp_path):
    out, report, _ = published
    second = make_table(write(tmp_path, 10), tmp_path / "again.parquet")
    assert second == report
    assert len(report.id) == 64
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (out, tmp_path / "again.parquet")}
    assert len(digests) == 1


def test_a_table_of_another_trader_has_another_name(published, tmp_path):
    _, report, _ = published
    other = tmp_path / "0x1"
    other.mkdir()
    logs = [(key, path.rename(other / path.name)) for key, path in write(tmp_path, 10)]
    assert make_table(logs, tmp_path / "again.parquet").id != report.id


def test_sequences_are_read_scaled_and_split(published):
    out, report, table = published
    train, validation = read_sequences(out, "train"), read_sequences(out, "validation")
    assert (len(train), len(validation)) == (report.sequences["train"], report.sequences["validation"])
    np.testing.assert_allclose(train.states[:, :SCALED].mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(train.states[:, :SCALED].std(axis=0), 1.0, atol=0.1)
    first = table[table["slug"] == "m0000"]
    np.testing.assert_allclose(train.returns_to_go[0], 100 * first["reward"].sum(), rtol=1e-5)
    batch = train.batch([len(first) - 1, len(first)])
    assert batch.mask.sum(axis=1).tolist() == [128, 1]
    assert read_sequences(out, "train", return_scale=None).returns_to_go.std() == pytest.approx(1.0, rel=1e-5)


def test_one_market_is_learnt_from_whole_and_leaves_nothing_to_validate(tmp_path):
    report = make_table(write(tmp_path, 1), tmp_path / "t.parquet")
    assert report.sequences["train"] > 0
    assert len(read_sequences(tmp_path / "t.parquet", "validation")) == 0


def test_torn_empty_and_short_logs_are_reported_and_the_others_are_used(tmp_path):
    logs = write(tmp_path, 2)
    for name, data in (("torn", b"{"), ("empty", log([])), ("short", log([trade(1), trade(2)]))):
        path = tmp_path / f"{name}_prices.json"
        path.write_bytes(data)
        logs.append((name, path))
    report = make_table(logs, tmp_path / "t.parquet")
    assert (report.markets, report.too_short, report.failed) == (2, 2, {"torn": "trades.torn"})


def test_when_no_market_is_long_enough_nothing_is_written_and_the_old_table_stays(tmp_path):
    out = tmp_path / "t.parquet"
    out.write_bytes(b"old")
    path = tmp_path / "short_prices.json"
    path.write_bytes(log([trade(1), trade(2), trade(3, outcome="Left")]))
    with pytest.raises(NightdeskError) as caught:
        make_table([("short", path)], out)
    assert caught.value.code == "trades.empty"
    assert "1 events were rejected, most of them as unknown outcome" in caught.value.message
    assert out.read_bytes() == b"old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["short_prices.json", "t.parquet"]


@pytest.mark.parametrize(
    ("events", "cure"),
    [
        ([quote(number, 0.49, 0.51) for number in range(1, 900)], "pull logs of markets in which the trader has fills"),
        ([trade(1), trade(2)], "choose bars shorter than"),
    ],
    ids=["a trader who did nothing", "two fills"],
)
def test_the_cure_of_no_market_goes_with_what_its_logs_lack(tmp_path, events, cure):
    path = tmp_path / "m_prices.json"
    path.write_bytes(log(events))
    with pytest.raises(NightdeskError) as caught:
        make_table([("m", path)], tmp_path / "t.parquet")
    assert (caught.value.code, cure in caught.value.cure) == ("trades.empty", True)


def test_real_markets_become_a_table(tmp_path):
    logs = [(path.name, path) for path in sorted(REAL.glob("*.json"))]
    report = make_table(logs, tmp_path / "t.parquet", TableOptions(seconds=5))
    assert (report.markets, report.rejected, report.not_held) == (3, {}, 0)
    assert report.events == 457
    assert report.actions["hold"] > report.actions["buy"] > 0
    assert report.actions["strong_sell"] > 0


def test_a_file_that_is_no_such_table_is_refused(published, tmp_path):
    whole = published[0].read_bytes()
    begin, end = len(whole) // 2, len(whole) // 2 + 500
    holed = whole[:begin] + bytes(500) + whole[end:]
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    pq.write_table(pq.read_table(published[0]).drop_columns("reward"), tmp_path / "old.parquet")
    for name, data in (("torn", whole[:-100]), ("text", b"a,b"), ("holed", holed)):
        (tmp_path / f"{name}.parquet").write_bytes(data)
    for name in ("other", "old", "torn", "text", "holed", "missing"):
        with pytest.raises(NightdeskError, match=f"{name}.parquet is no table") as caught:
            read_sequences(tmp_path / f"{name}.parquet", "train")
        assert caught.value.code == "trades.no_table"


def test_rows_are_whole_contracts_and_no_fill_is_without_one(tmp_path):
    """The three real markets are of an hour each, in bars such that an hour fits into a context of 128."""
    logs = [(path.name, path) for path in sorted(REAL.glob("*.json"))]
    report = make_table(logs, tmp_path / "t.parquet")
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert (report.seconds, table.groupby("slug").size().tolist()) == (30, [120] * 3)
    assert (table.groupby("slug")["time"].min().dt.minute == 0).all()
    assert report.fills == table["trades"].sum() > 400
    assert (report.fills_without_row, round(report.earned_without_row, 9)) == (0, 0.0)
    assert report.notes == ["There are 240 sequences to learn from; fewer than 1000 teach a network little."]


def test_a_market_that_does_not_say_when_it_opens_begins_at_its_first_price(tmp_path):
    report = make_table(write(tmp_path, 10), tmp_path / "t.parquet")
    assert report.seconds == 15
    assert 0 < report.fills_without_row < report.fills
    assert f"{report.fills_without_row} of {report.fills} fills have no row" in " ".join(report.notes)


def test_windows_are_as_long_as_those_of_the_table(tmp_path):
    make_table(write(tmp_path, 2), tmp_path / "t.parquet", TableOptions(seconds=60, window=16))
    assert read_sequences(tmp_path / "t.parquet", "train").batch([20]).mask.shape == (1, 16)
    assert read_sequences(tmp_path / "t.parquet", "train", window=8).batch([20]).mask.shape == (1, 8)


def test_groups_of_states_are_read_by_name(published):
    out, _, table = published
    sequences = read_sequences(out, "train", groups=("base", "price"))
    assert sequences.states.shape[1] == 17 + len(GROUPS["price"])
    train = table[table["split"] == "train"]
    np.testing.assert_array_equal(sequences.states[:, 17], train["price_level"])
    for groups in ((), ("price",), ("base", "prices"), ("base", "base")):
        with pytest.raises(NightdeskError, match="Name base first") as caught:
            read_sequences(out, "train", groups=groups)
        assert caught.value.code == "trades.groups"


def test_progress_is_reported_for_every_log(tmp_path):
    reports = []
    make_table(write(tmp_path, 2), tmp_path / "t.parquet", progress=lambda done, name: reports.append((done, name)))
    assert reports == [(0.0, "m0000_prices.json"), (0.5, "m0001_prices.json")]


def test_memory_does_not_grow_with_the_number_of_markets(tmp_path, monkeypatch):
    monkeypatch.setattr(trader_table, "_GROUP", 500)
    logs = write(tmp_path, 12)
    make_table(logs[:2], tmp_path / "t.parquet")  # what is compiled and cached is there afterwards

    def peak(times: int) -> int:
        tracemalloc.start()
        make_table(logs * times, tmp_path / "t.parquet")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(6) < peak(2) * 1.25


def test_a_log_that_is_a_link_out_of_its_folder_is_refused_by_name_and_the_others_are_taken(tmp_path):
    logs = write(tmp_path / "logs", 10)
    key, path = logs[3]
    path.rename(tmp_path / "outside.json")
    path.symlink_to(tmp_path / "outside.json")
    report = make_table(logs, tmp_path / "table.parquet")
    assert report.failed == {key: "data.link"}
    assert report.markets == 9
