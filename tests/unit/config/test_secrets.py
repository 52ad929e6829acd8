from __future__ import annotations

import json
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.errors import ConfigError
from config.secrets import (
    MASK,
    TOKEN_VARIABLE,
    Secret,
    make_token_file,
    read_address,
    read_reference,
    read_secret,
    read_token,
    redact,
)


def test_a_secret_never_shows_itself():
    secret = Secret("hunter2")
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, "{}".format(secret), str([secret])]  # noqa: UP031, UP032
    assert not any("hunter2" in text for text in texts)
    assert repr(secret) == MASK
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": secret})
    assert "hunter2" not in str(caught.value)


def test_a_secret_does_not_show_itself_in_a_traceback():
    def use(token: Secret) -> None:
        raise RuntimeError(f"cannot use {token}")

    try:
        use(Secret("hunter2"))
    except RuntimeError as error:
        texts = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "cannot use ***" in texts
    assert "token = ***" in texts


def test_the_variable_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("from-file\n")
    monkeypatch.delenv("DESK_TOKEN", raising=False)
    assert read_secret("token", variable="DESK_TOKEN", file=file).reveal() == "from-file"
    monkeypatch.setenv("DESK_TOKEN", " from-variable ")
    assert read_secret("token", variable="DESK_TOKEN", file=file).reveal() == "from-variable"


@pytest.mark.parametrize(
    ("variable", "cure"),
    [("DESK_TOKEN", "Set the variable DESK_TOKEN or name a file."), (None, "Name a variable or a file that holds it.")],
)
def test_a_missing_secret_is_an_error_that_says_where_to_put_it(monkeypatch, variable, cure):
    monkeypatch.setenv("DESK_TOKEN", "  ")
    with pytest.raises(ConfigError) as caught:
        read_secret("API token", variable=variable)
    assert caught.value.message == "The API token is not set."
    assert caught.value.cure == cure


@pytest.mark.parametrize(
    ("content", "message"), [(b" \n", "is empty"), (b"s3cr3t\xff", "cannot be read"), (None, "cannot be read")]
)
def test_a_file_without_a_secret_is_named_and_its_content_is_not_shown(tmp_path, content, message):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"The file of the API token, token, {message}") as caught:
        read_secret("API token", file=file)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_a_new_token_is_long_and_its_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "api.token"
    token = make_token_file(path)
    assert len(token.reveal()) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == token.reveal() + "\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["api.token"]


def test_an_existing_token_stays(tmp_path):
    path = tmp_path / "api.token"
    assert make_token_file(path).reveal() == make_token_file(path).reveal()


def test_makers_of_the_same_token_at_the_same_time_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: make_token_file(tmp_path / "api.token").reveal(), range(8)))
    assert len(set(tokens)) == 1


def test_a_reference_leads_to_a_variable_or_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_SECRET", "from-variable")
    (tmp_path / "secret").write_text("from-file\n")
    assert read_reference("secret", "env:DESK_SECRET").reveal() == "from-variable"
    assert read_reference("secret", f"file:{tmp_path}/secret").reveal() == "from-file"
    assert read_address("address", "https://example.org/") == "https://example.org/"
    assert read_address("address", "env:DESK_SECRET") == "from-variable"
    with pytest.raises(ConfigError, match="The secret is not set"):
        read_reference("secret", "env:DESK_NOTHING")


def test_the_variable_of_the_token_goes_before_the_config(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-file")
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert read_token(None) is None
    assert read_token(f"file:{tmp_path}/token").reveal() == "from-file"
    monkeypatch.setenv(TOKEN_VARIABLE, "from-variable")
    assert read_token(f"file:{tmp_path}/token").reveal() == "from-variable"


def test_the_password_of_a_url_is_masked_where_it_stands_by_itself():
    Secret("postgresql://desk:correct/horse@battery@host/desk")
    assert redact("password correct/horse@battery refused") == f"password {MASK} refused"
