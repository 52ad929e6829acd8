"""Keys of older configs: what they become, and what their owner reads about them."""

from __future__ import annotations

import pytest

from config.settings import Settings
from tests.support.settings import settings

HOOK = {"kind": "webhook", "url": "https://example.org/hook"}


@pytest.mark.parametrize(
    ("older", "newer", "notice"),
    [
        (
            {"api": {"token_file": "/run/token"}},
            {"api": {"token": "file:/run/token"}},
            'api.token_file is an older key; write "token": "file:/run/token".',
        ),
        (
            {"database": {"url_env": "DESK_URL"}},
            {"database": {"url": "env:DESK_URL"}},
            'database.url_env is an older key; write "url": "env:DESK_URL".',
        ),
        (
            {"database": {"url_file": "/run/url", "url": None, "url_env": None}},
            {"database": {"url": "file:/run/url"}},
            'database.url_file is an older key; write "url": "file:/run/url".',
        ),
        (
            {"notifications": {"webhook": {"url": "https://example.org/", "secret_env": "HOOK"}}},
            {"notifications": {"webhook": {"url": "https://example.org/", "secret": "env:HOOK"}}},
            'the webhook\'s secret_env is an older key; write "secret": "env:HOOK".',
        ),
        (
            {"notifications": {"channels": [{**HOOK, "secret_file": "/run/hook"}]}},
            {"notifications": {"channels": [{**HOOK, "secret": "file:/run/hook"}]}},
            'the webhook\'s secret_file is an older key; write "secret": "file:/run/hook".',
        ),
    ],
)
def test_an_older_key_means_what_it_meant_and_its_owner_reads_how_it_is_written_today(older, newer, notice):
    read = settings(**older)
    assert read.fingerprint() == settings(**newer).fingerprint()
    assert read.notices == (notice,)
    assert settings(**newer).notices == ()


def test_the_folder_of_a_buckets_secrets_becomes_the_files_that_are_in_it(tmp_path):
    for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text("key")
    read = settings(sources={"bucket": {"url": "https://s3.example.org", "secrets_folder": str(tmp_path)}})
    bucket = read.sources.bucket
    assert bucket.access_key_id == f"file:{tmp_path}/R2_ACCESS_KEY_ID"
    assert bucket.secret_access_key == f"file:{tmp_path}/R2_SECRET_ACCESS_KEY"
    assert bucket.bucket_name == "env:R2_BUCKET_NAME"
    assert [notice.partition(";")[0] for notice in read.notices] == [
        "sources.bucket.secrets_folder is an older key",
    ] * 2


def test_two_ways_to_say_one_secret_are_refused():
    with pytest.raises(Exception, match="/database has more than one of url, url_env, url_file; keep url"):
        settings(database={"url_env": "A", "url_file": "/b"})


@pytest.mark.parametrize("older", [{"api": {"token_file": 5}}, {"sources": {"bucket": {"secrets_folder": 5}}}])
def test_an_older_key_of_another_type_is_refused(older):
    with pytest.raises(Exception, match="is not a known key"):
        settings(**older)


def test_the_defaults_have_no_notices():
    assert Settings().notices == ()
