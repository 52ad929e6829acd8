"""A pull of traders' logs does the same whatever the bucket: a folder, or S3 over a real socket."""

from __future__ import annotations

import gzip
import json

import pytest

from config.errors import NightdeskError
from data_pipeline.buckets.pull import Limits, pull
from tests.support.markets.trader_logs import log, trade

KEY = "merged_trades/0xa/a-market_prices.json"
LOG = log([trade(1)])


def stored(home) -> dict[str, bytes]:
    return {path.relative_to(home.trades).as_posix(): path.read_bytes() for path in home.trades.rglob("*.json")}


def test_an_empty_bucket_brings_nothing(place, home):
    done = pull(place.bucket(), home)
    assert (list(done.logs), done.fetched, done.partial) == ([], 0, False)


def test_a_log_is_stored_under_its_key(place, home):
    place.put(KEY, LOG)
    done = pull(place.bucket(), home)
    assert stored(home) == {KEY: LOG}
    assert (list(done.logs), done.fetched, done.bytes) == ([KEY], 1, len(LOG))


def test_what_has_not_changed_is_not_fetched_again(place, home):
    place.put(KEY, LOG)
    pull(place.bucket(), home)
    place.requests.clear()
    done = pull(place.bucket(), home)
    assert (done.fetched, done.unchanged, list(done.logs), done.bytes) == (0, 1, [KEY], 0)
    assert not any(KEY in request for request in place.requests)


def test_what_has_changed_or_was_lost_here_is_fetched_again(place, home):
    newer = log([trade(1), trade(2)])
    place.put(KEY, LOG)
    pull(place.bucket(), home)
    place.put(KEY, newer)
    assert pull(place.bucket(), home).fetched == 1
    assert stored(home) == {KEY: newer}
    (home.trades / KEY).unlink()
    assert pull(place.bucket(), home).fetched == 1
    assert stored(home) == {KEY: newer}


def test_a_lost_or_damaged_index_costs_one_full_pull(place, home):
    place.put(KEY, LOG)
    pull(place.bucket(), home)
    for damage in (b"{", b"[]", b'{"%s": 3}' % KEY.encode()):
        home.trades_index.write_bytes(damage)
        assert pull(place.bucket(), home).fetched == 1
    home.trades_index.unlink()
    assert pull(place.bucket(), home).fetched == 1
    assert pull(place.bucket(), home).unchanged == 1


def test_summaries_computed_with_later_data_are_never_fetched(place, home):
    place.put("merged_trades/0xa/a-market.json", b'[{"afterTrade": 1}]')
    place.put("readme.txt", b"hello")
    assert list(pull(place.bucket(), home).logs) == []
    assert not home.trades.exists()


@pytest.mark.parametrize(
    "torn", [b"", b"{", LOG[:-5], b"\x80abc", b"[" * 100_000, b"[1, 2]", b'{"prices": 1}', b"<html>"]
)
def test_a_torn_log_is_quarantined_and_the_pull_goes_on(place, home, torn):
    place.put("m/0xa/bad_prices.json", torn)
    place.put("m/0xa/good_prices.json", LOG)
    done = pull(place.bucket(), home)
    assert done.partial
    assert done.failed == {"m/0xa/bad_prices.json": "trades.torn"}
    assert stored(home) == {"m/0xa/good_prices.json": LOG}
    assert (home.trades_quarantine / "m/0xa/bad_prices.json").read_bytes() == torn


def test_a_torn_log_stays_listed_as_failed_and_is_fetched_again_only_when_it_has_changed(place, home):
    place.put(KEY, b"{")
    pull(place.bucket(), home)
    second = pull(place.bucket(), home)
    assert (second.fetched, second.unchanged, second.failed) == (0, 1, {KEY: "trades.torn"})
    place.put(KEY, LOG)
    assert list(pull(place.bucket(), home).logs) == [KEY]


def test_a_log_that_becomes_torn_leaves_the_good_one_in_place(place, home):
    place.put(KEY, LOG)
    pull(place.bucket(), home)
    place.put(KEY, LOG[:-9])
    assert pull(place.bucket(), home).failed == {KEY: "trades.torn"}
    assert stored(home) == {KEY: LOG}


def test_keys_that_differ_in_case_alone_are_refused_after_the_first(place, home):
    place.put("m/A_prices.json", LOG)
    place.put("m/a_prices.json", log([trade(9)]))
    done = pull(place.bucket(), home)
    assert done.failed == {"m/a_prices.json": "r2.unsafe_key"}
    assert stored(home) == {"m/A_prices.json": LOG}


@pytest.mark.parametrize(
    "key",
    ["m/..a_prices.json", "m/a\\b_prices.json", "m/.hidden/a_prices.json", "m/a b_prices.json", "ä/a_prices.json"],
)
def test_an_unsafe_key_is_refused_and_the_others_are_pulled(place, home, key):
    place.put(key, LOG)
    place.put(KEY, LOG)
    done = pull(place.bucket(), home)
    assert done.failed == {key: "r2.unsafe_key"}
    assert stored(home) == {KEY: LOG}


def test_a_compressed_log_is_stored_as_it_was(place, home):
    place.put(f"{KEY}.gz", gzip.compress(LOG))
    assert list(pull(place.bucket(), home).logs) == [KEY]
    assert stored(home) == {KEY: LOG}


def test_a_compressed_log_that_swells_or_is_damaged_is_refused(place, home):
    place.put("m/bomb_prices.json.gz", gzip.compress(b" " * 5_000_000))
    place.put("m/torn_prices.json.gz", gzip.compress(LOG)[:-12])
    place.put("m/junk_prices.json.gz", b"\x1f\x8b junk")
    assert pull(place.bucket(), home).failed == {
        "m/bomb_prices.json.gz": "r2.too_large",
        "m/torn_prices.json.gz": "r2.torn",
        "m/junk_prices.json.gz": "r2.torn",
    }
    assert stored(home) == {}


def test_a_log_beyond_the_limit_is_not_fetched(place, home):
    place.put(KEY, LOG)
    place.requests.clear()
    done = pull(place.bucket(), home, Limits(file=10))
    assert done.failed == {KEY: "r2.too_large"}
    assert not any(KEY in request for request in place.requests)


def test_a_pull_ends_partial_when_it_reaches_its_total_and_the_next_one_goes_on(place, home):
    for name in "abc":
        place.put(f"m/{name}_prices.json", LOG)
    limits = Limits(total=2 * len(LOG))
    assert pull(place.bucket(), home, limits).failed == {"m/c_prices.json": "r2.total_reached"}
    assert not pull(place.bucket(), home, limits).partial
    assert len(stored(home)) == 3


def test_a_bucket_of_too_many_logs_is_refused(place, home):
    for name in "abc":
        place.put(f"m/{name}_prices.json", LOG)
    with pytest.raises(NightdeskError) as caught:
        pull(place.bucket(), home, Limits(files=2))
    assert caught.value.code == "r2.too_many"


def test_progress_is_reported_for_every_log(place, home):
    place.put("m/a_prices.json", LOG)
    place.put("m/b_prices.json", LOG)
    reports = []
    pull(place.bucket(), home, progress=lambda done, name: reports.append((done, name)))
    assert reports == [(0.0, "m/a_prices.json"), (0.5, "m/b_prices.json")]


def test_nothing_unfinished_and_no_key_of_the_bucket_is_left_in_the_home(place, home):
    place.put(KEY, LOG)
    pull(place.bucket(), home)
    files = {path.relative_to(home.root).as_posix() for path in home.root.rglob("*") if path.is_file()}
    assert files == {f"data/trades/{KEY}", "data/trades.json"}
    assert set(json.loads(home.trades_index.read_bytes())) == {KEY}
