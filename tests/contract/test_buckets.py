"""What every bucket promises: a folder, and S3 over a real socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.errors import NightdeskError
from data_pipeline.buckets.folder import FolderBucket
from tests.support.faults.kills import kill_midway
from tests.support.servers.buckets import FolderPlace

KEY = "models/AAPL/a_model/v1.json"


def refusal(act) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        act()
    return caught.value


def keys(bucket, prefix="") -> list[str]:
    return [entry.key for entry in bucket.list(prefix)]


def test_what_was_put_is_read_back_to_the_byte(place):
    data = bytes(range(256)) * 10_000
    assert place.bucket().put(KEY, data)
    assert place.bucket().read(KEY) == data


def test_an_empty_object_is_an_object(place):
    assert place.bucket().put(KEY, b"")
    assert place.bucket().read(KEY) == b""
    assert [entry.size for entry in place.bucket().list()] == [0]


def test_a_put_of_an_existing_key_changes_nothing_and_returns_false(place):
    bucket = place.bucket()
    assert bucket.put(KEY, b"first")
    assert not bucket.put(KEY, b"second")
    assert bucket.read(KEY) == b"first"


def test_a_put_without_the_condition_replaces(place):
    bucket = place.bucket()
    assert bucket.put(KEY, b"first", if_absent=False)
    assert bucket.put(KEY, b"second", if_absent=False)
    assert bucket.read(KEY) == b"second"


def test_of_writers_of_one_key_at_once_one_wins_and_its_content_stays(place):
    writers = [place.bucket() for _ in range(8)]
    for nth in range(5):
        key = f"a/{nth}"
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(lambda writer, key=key: writers[writer].put(key, b"%d" % writer * 50_000), range(8)))
        assert won.count(True) == 1
        assert place.bucket().read(key) == b"%d" % won.index(True) * 50_000


def test_a_listing_is_in_the_order_of_the_keys_bytes(place):
    for key in ("b", "a/x", "a-b/x", "B", "a+/x", "a/x.y"):
        place.bucket().put(key, b"x")
    assert keys(place.bucket()) == ["B", "a+/x", "a-b/x", "a/x", "a/x.y", "b"]


def test_a_listing_goes_on_beyond_one_page(place):
    place.put_many({f"m/{nth:04}.json": b"x" for nth in range(1_005)})
    assert keys(place.bucket(), "m/") == [f"m/{nth:04}.json" for nth in range(1_005)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a/1", "a/2/x", "ab/1", "b/1"]),
        ("a", ["a/1", "a/2/x", "ab/1"]),
        ("a/", ["a/1", "a/2/x"]),
        ("a/2", ["a/2/x"]),
        ("a/1", ["a/1"]),
        ("nothing/here/", []),
    ],
)
def test_a_listing_can_be_of_keys_that_begin_alike(place, prefix, expected):
    place.put_many(dict.fromkeys(["b/1", "a/2/x", "ab/1", "a/1"], b"x"))
    assert keys(place.bucket(), prefix) == expected


def test_a_listing_has_sizes_and_another_etag_for_another_content(place):
    place.put(KEY, b"12345")
    (before,) = place.bucket().list()
    place.put(KEY, b"54321")
    (after,) = place.bucket().list()
    assert before.key == after.key == KEY
    assert before.size == after.size == 5
    assert before.etag != after.etag


def test_an_empty_bucket_lists_nothing(place):
    assert keys(place.bucket()) == []


def test_an_object_beyond_the_limit_is_not_read(place):
    place.put(KEY, b"0123456789")
    assert place.bucket().read(KEY, 10) == b"0123456789"
    error = refusal(lambda: place.bucket().read(KEY, 9))
    assert error.code == "r2.too_large"
    assert error.cure


def test_an_object_beyond_the_limit_of_all_is_not_written(place, monkeypatch):
    for module in ("folder", "s3"):
        monkeypatch.setattr(f"data_pipeline.buckets.{module}.MAX_BYTES", 9)
    assert refusal(lambda: place.bucket().put(KEY, b"0123456789")).code == "r2.too_large"
    assert keys(place.bucket()) == []


@pytest.mark.parametrize("key", [KEY, "models", "models/AAPL/a_model/v1.json/x"])
def test_reading_what_is_not_there_is_an_error_by_code(place, key):
    if key != KEY:
        place.put(KEY, b"x")
    error = refusal(lambda: place.bucket().read(key))
    assert error.code == "r2.gone"
    assert error.cure


def test_deleting_removes_one_object_and_can_be_repeated(place):
    place.put_many({KEY: b"x", "models/AAPL/other.json": b"y"})
    for _ in range(2):
        place.bucket().delete(KEY)
        assert keys(place.bucket()) == ["models/AAPL/other.json"]
    place.bucket().delete("models/AAPL")
    place.bucket().delete("never/was/there")
    assert keys(place.bucket()) == ["models/AAPL/other.json"]


def test_a_deleted_key_can_be_put_again(place):
    bucket = place.bucket()
    bucket.put(KEY, b"first")
    bucket.delete(KEY)
    assert bucket.put(KEY, b"second")
    assert bucket.read(KEY) == b"second"


UNSAFE = ["../out", "a/../../out", "/etc/out", "a//b", "a/./b", "a\x00b", "a\\b", "C:/a", ".hidden", "", "a/", "ä"]


@pytest.mark.parametrize("key", UNSAFE)
def test_a_key_that_could_lead_elsewhere_is_refused_by_every_operation(place, tmp_path, key):
    (tmp_path / "out").write_bytes(b"not yours")
    bucket = place.bucket()
    for act in (
        lambda: bucket.read(key),
        lambda: bucket.put(key, b"x"),
        lambda: bucket.put(key, b"x", if_absent=False),
        lambda: bucket.delete(key),
    ):
        assert refusal(act).code == "r2.unsafe_key"
    assert (tmp_path / "out").read_bytes() == b"not yours"


@pytest.mark.parametrize("prefix", ["../", "a/../../", "/etc/"])
def test_a_prefix_that_could_lead_elsewhere_is_refused(place, prefix):
    assert refusal(lambda: keys(place.bucket(), prefix)).code == "r2.unsafe_key"


@pytest.fixture
def folder(tmp_path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    return FolderBucket(tmp_path / "bucket")


def test_links_in_a_folder_are_neither_listed_nor_read_nor_written_through_nor_removed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"not yours")
    (folder.root / "link").symlink_to(outside / "secret")
    (folder.root / "sub").symlink_to(outside)
    assert keys(folder) == keys(folder, "sub/") == []
    for act in (
        lambda: folder.read("link"),
        lambda: folder.read("sub/secret"),
        lambda: folder.put("link", b"x"),
        lambda: folder.put("link", b"x", if_absent=False),
        lambda: folder.put("sub/new", b"x"),
        lambda: folder.delete("link"),
        lambda: folder.delete("sub/secret"),
    ):
        assert refusal(act).code == "r2.unsafe_key"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (folder.root / "link").is_symlink()


def test_a_folder_that_is_reached_through_a_link_is_a_bucket_all_the_same(folder, tmp_path):
    (tmp_path / "elsewhere").symlink_to(folder.root)
    bucket = FolderBucket(tmp_path / "elsewhere")
    assert bucket.put(KEY, b"x")
    assert keys(bucket) == keys(folder) == [KEY]


def test_a_folder_that_refuses_is_an_error_with_a_cure_and_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for if_absent in (True, False):
        error = refusal(lambda: folder.put("a/b", b"x", if_absent=if_absent))  # noqa: B023
        assert error.code == "r2.denied"
        assert "No space left" in error.message
    assert [path for path in folder.root.rglob("*") if path.is_file()] == []


WRITER = """
import sys
from pathlib import Path
from config.secrets import Secret
from data_pipeline.buckets.folder import FolderBucket
from data_pipeline.buckets.s3 import S3Bucket
place = sys.argv[1]
secrets = {"key_id": Secret("an-access-key-id"), "key": Secret("a-secret-access-key")}
bucket = S3Bucket(place, "traders", **secrets) if place.startswith("http") else FolderBucket(Path(place))
print("ready", flush=True)
for nth in range(100_000):
    bucket.put(f"a/{nth:06}", b"0123456789" * 200_000)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_writer_killed_at_any_moment_leaves_whole_objects_only(place, seed):
    bucket = place.bucket()
    assert kill_midway(WRITER, str(place.root) if isinstance(place, FolderPlace) else place.url, within=0.5, seed=seed)
    stored = keys(bucket)
    assert all(bucket.read(key) == b"0123456789" * 200_000 for key in stored)
    assert bucket.put("a/999999", b"x")
