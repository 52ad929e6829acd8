"""An S3 endpoint that refuses, forgets, breaks, dawdles and breaks off; credentials that stay where they belong."""

from __future__ import annotations

import json
import logging
import socket

import pytest

from config.errors import ConfigError, NightdeskError
from config.secrets import MASK, Secret, redact
from config.settings import Bucket, Settings
from data_pipeline.buckets.base import check_key
from data_pipeline.buckets.folder import FolderBucket
from data_pipeline.buckets.open import bucket_secrets, open_bucket
from data_pipeline.buckets.pull import pull
from data_pipeline.buckets.s3 import S3Bucket
from tests.support.markets.trader_logs import log, trade
from tests.support.servers.s3 import KEY, KEY_ID, NAME, s3_server

LOG = log([trade(1)])
NAMES = {
    "R2_BUCKET_NAME": NAME,
    "R2_ACCESS_KEY_ID": KEY_ID,
    "R2_SECRET_ACCESS_KEY": KEY,
}


@pytest.fixture(scope="module")
def running():
    with s3_server() as server:
        yield server


@pytest.fixture
def server(running):
    running.clear()
    running.put_many({f"m/{name}_prices.json": LOG for name in "abcde"})
    return running


def failure(act) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        act()
    return caught.value


def test_a_refused_listing_names_the_key_variables_as_the_cure(server, home):
    server.misbehave("/traders", 403)
    error = failure(lambda: pull(server.bucket(), home))
    assert error.code == "r2.denied"
    assert "R2_ACCESS_KEY_ID" in error.cure


def test_a_bucket_that_does_not_exist_is_named(server, home):
    bucket = S3Bucket(server.url, "another", key_id=Secret(KEY_ID), key=Secret(KEY))
    error = failure(lambda: pull(bucket, home))
    assert error.code == "r2.gone"
    assert "'another'" in error.message
    assert "R2_BUCKET_NAME" in error.cure


@pytest.mark.parametrize(("how", "code"), [(403, "r2.denied"), (404, "r2.gone"), ("torn", "r2.torn")])
def test_one_file_that_cannot_be_had_leaves_the_pull_partial_and_is_asked_for_again(server, home, how, code):
    server.misbehave("m/b_prices", how)
    done = pull(server.bucket(), home)
    assert done.failed == {"m/b_prices.json": code}
    assert len(done.logs) == 4
    assert not (home.trades / "m/b_prices.json").exists()
    server.wrong.clear()
    assert pull(server.bucket(), home).fetched == 1


def test_a_transient_fault_of_the_server_is_retried(server, home):
    server.misbehave("m/b_prices", 500, times=1)
    assert not pull(server.bucket(), home).partial


def test_a_lasting_fault_of_the_server_is_out_of_reach_and_what_was_pulled_stays(server, home):
    pull(server.bucket(), home)
    server.misbehave("/traders", 500)
    assert failure(lambda: pull(server.bucket(), home)).code == "r2.unreachable"
    assert (home.trades / "m/a_prices.json").read_bytes() == LOG


def test_a_server_that_serves_no_file_is_left_alone_after_three(server, home):
    server.misbehave("_prices", 403)
    assert failure(lambda: pull(server.bucket(), home)).code == "r2.denied"
    assert len([request for request in server.requests if "_prices" in request]) == 3


def test_a_slow_answer_is_given_up(server):
    server.misbehave("m/b_prices", "slow", times=5)
    bucket = server.bucket(read=0.2)
    assert failure(lambda: bucket.read("m/b_prices.json", 100)).code == "r2.unreachable"


def test_an_endpoint_without_a_listener_is_out_of_reach(home):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        bucket = S3Bucket(url, NAME, key_id=Secret(KEY_ID), key=Secret(KEY))
        assert failure(lambda: pull(bucket, home)).code == "r2.unreachable"


def test_an_endpoint_that_is_no_s3_server_is_out_of_reach(server):
    bucket = S3Bucket(server.url, NAME, key_id=Secret(KEY_ID), key=Secret(KEY))
    server.misbehave("/traders", "torn")
    assert failure(lambda: list(bucket.list())).code == "r2.unreachable"


def test_credentials_come_from_variables(server, home, monkeypatch):
    for name, value in NAMES.items():
        monkeypatch.setenv(name, value)
    assert pull(open_bucket(Bucket(url=server.url), home), home).fetched == 5


def test_credentials_come_from_files_named_like_the_variables(server, home, tmp_path, monkeypatch):
    for name, value in NAMES.items():
        monkeypatch.delenv(name, raising=False)
        (tmp_path / name).write_text(f"{value}\n")
    settings = Bucket(
        url=server.url,
        bucket_name=f"file:{tmp_path}/R2_BUCKET_NAME",
        access_key_id=f"file:{tmp_path}/R2_ACCESS_KEY_ID",
        secret_access_key=f"file:{tmp_path}/R2_SECRET_ACCESS_KEY",
    )
    assert pull(open_bucket(settings, home), home).fetched == 5


def test_a_missing_credential_is_named(home, monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="R2_BUCKET_NAME"):
        open_bucket(Bucket(url="https://bucket.example"), home)


def test_secrets_that_are_handed_over_open_a_bucket_without_variables_and_files(server, home, tmp_path, monkeypatch):
    for name, value in NAMES.items():
        monkeypatch.setenv(name, value)
    secrets = bucket_secrets(Bucket(url=server.url))
    assert {name: secret.reveal() for name, secret in secrets.items()} == NAMES
    for name in NAMES:
        monkeypatch.delenv(name)
    assert pull(open_bucket(Bucket(url=server.url), home, secrets), home).fetched == 5


def test_cloudflares_endpoint_is_named_by_the_account(home, monkeypatch):
    for name, value in {**NAMES, "R2_ACCOUNT_ID": "an-account"}.items():
        monkeypatch.setenv(name, value)
    bucket = open_bucket(Bucket(url="r2"), home)
    assert isinstance(bucket, S3Bucket)
    assert bucket._client.meta.endpoint_url == "https://an-account.r2.cloudflarestorage.com"
    config = bucket._client.meta.config
    assert (config.region_name, config.connect_timeout, config.read_timeout) == ("auto", 5, 30)
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"
    assert config.retries["mode"] == "standard"


def test_without_a_url_the_homes_own_folder_is_the_bucket(home):
    bucket = open_bucket(Bucket(), home)
    assert isinstance(bucket, FolderBucket)
    assert bucket.root == home.bucket


def test_a_folder_is_named_by_a_url_in_which_spaces_are_escaped(home, tmp_path):
    bucket = open_bucket(Bucket(url=(tmp_path / "a folder").as_uri()), home)
    assert isinstance(bucket, FolderBucket)
    assert bucket.root == tmp_path / "a folder"


def test_the_secret_is_in_no_log_and_no_error(server, home, caplog):
    caplog.set_level(logging.DEBUG)
    server.misbehave("m/b_prices", 403)
    done = pull(server.bucket(), home)
    server.misbehave("/traders", 403)
    error = failure(lambda: pull(server.bucket(), home))
    text = caplog.text + json.dumps(done.failed) + json.dumps(error.to_dict()) + home.trades_index.read_text()
    assert KEY not in text
    assert KEY_ID not in text
    assert redact(f"{KEY} {KEY_ID}") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    "url", ["https://key:secret@host", "ftp://host", "file://host/folder", "https://host/bucket", "s3://b", ""]
)
def test_a_url_that_holds_a_secret_or_makes_no_sense_is_refused_by_the_settings(url):
    with pytest.raises(ValueError, match="url must be"):
        Settings.model_validate({"sources": {"bucket": {"url": url}}})


@pytest.mark.parametrize(
    "key",
    [
        "../a_prices.json",
        "m/../../a_prices.json",
        "/etc/a_prices.json",
        "m//a_prices.json",
        "m/./a_prices.json",
        "m/a\x00_prices.json",
        "m\\a_prices.json",
        "C:/a_prices.json",
        "m/a\n_prices.json",
        "m/.unfinished-a_prices.json",
        "-a_prices.json",
        "m/" + "a" * 300 + "_prices.json",
        "/".join("abcdefghijk") + "_prices.json",
        "",
    ],
)
def test_a_key_that_could_lead_elsewhere_is_refused(key):
    error = failure(lambda: check_key(key))
    assert error.code == "r2.unsafe_key"
    assert len(error.message) < 400


def test_links_in_a_folder_lead_nowhere(home, tmp_path):
    (tmp_path / "secret_prices.json").write_bytes(LOG)
    root = tmp_path / "bucket"
    root.mkdir()
    (root / "link_prices.json").symlink_to(tmp_path / "secret_prices.json")
    (root / "folder").symlink_to(tmp_path)
    assert pull(FolderBucket(root), home).logs == {}


def test_a_folder_that_does_not_exist_is_out_of_reach(home, tmp_path):
    error = failure(lambda: pull(FolderBucket(tmp_path / "nowhere"), home))
    assert error.code == "r2.unreachable"
    assert "'nowhere'" in error.message


def test_a_folder_that_holds_what_is_pulled_is_no_bucket(home, tmp_path):
    """Its own copies would come back as new markets, deeper at every pull."""
    (tmp_path / "link").symlink_to(home.root)
    for folder in (home.root, home.trades, home.root.parent, tmp_path / "link"):
        with pytest.raises(NightdeskError) as caught:
            open_bucket(Bucket(url=folder.as_uri()), home)
        assert caught.value.code == "r2.own_folder"
