"""Places of backups as a person writes them: what cannot be one is refused with the cure, and no secret is shown."""

from __future__ import annotations

import json

import pytest

from config import ConfigError, load_settings
from daemon import backups
from tests.support.desks.backed_up_home import refusal

WITH_SECRETS = [
    "https://user:hunter2@host/bucket",
    "https://host/bucket?sig=hunter2",
    "https://host/bucket#hunter2",
    "r2://user:hunter2@bucket",
    "/mnt/x?token=hunter2",
    "file:///mnt/x?token=hunter2",
]


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_a_place_with_a_secret_in_it_is_refused_without_showing_it(tmp_path, text):
    config = tmp_path / "desk.json"
    config.write_text(json.dumps({"backup": {"to": [text]}}))
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    for error in (caught.value, refusal(backups.named_place, text), refusal(backups.open_from, text)):
        assert "secret_access_key" in str(error)
        assert "hunter2" not in str(error)


def test_a_folder_may_have_any_plain_name():
    assert str(backups.named_place("/mnt/a b#1@home").folder) == "/mnt/a b#1@home"


def test_a_new_folder_needs_the_one_above_it(home, tmp_path):
    place = backups.named_place(str(tmp_path / "gone" / "desk"))
    assert refusal(backups.open_place, place, home, create=True).code == "backup.no_folder"
    assert not (tmp_path / "gone").exists()
