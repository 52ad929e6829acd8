"""No secret passes as a literal anywhere in a config, and no refusal shows one."""

from __future__ import annotations

import json
import string
import traceback
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.loader import parse_settings
from config.secrets import is_reference
from config.settings.references import REFERENCE_CURE

# Every place of the config that takes a secret, or an address that may hold one.
SECRETS: list[tuple[str | int, ...]] = [
    ("api", "token"),
    ("database", "url"),
    ("notifications", "email"),
    ("notifications", "slack_webhook"),
    ("notifications", "webhook", "secret"),
    ("notifications", "channels", 0, "secret"),
    ("sources", "bucket", "account_id"),
    ("sources", "bucket", "bucket_name"),
    ("sources", "bucket", "access_key_id"),
    ("sources", "bucket", "secret_access_key"),
]
ADDRESSES: list[tuple[str | int, ...]] = [
    ("notifications", "webhook", "url"),
    ("notifications", "channels", 0, "url"),
    ("sources", "yahoo", "base_url"),
]
# Rare letters, so that a message cannot hold such a password by chance.
passwords = st.text("QXZqxz0123456789!$&'()*+,;=-._~/:@%?# ", min_size=6, max_size=40).filter(
    lambda text: any(letter in "QXZqxz0123456789" for letter in text)
)
tokens = st.text(string.ascii_letters + string.digits, min_size=16, max_size=64).filter(
    lambda text: sum(letter.isdigit() for letter in text) > 2
)


def document(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A config that is valid except, perhaps, for the value at `place`."""
    hook = {"url": "https://example.org/hook", "secret": "env:HOOK"}
    config: dict[str, Any] = {
        "api": {},
        "database": {},
        "notifications": {"webhook": dict(hook), "channels": [{"kind": "webhook", "name": "second", **hook}]},
        "sources": {"bucket": {}, "yahoo": {}},
    }
    section: Any = config
    for part in place[:-1]:
        section = section[part]
    section[place[-1]] = value
    return config


def refusal(place: tuple[str | int, ...], value: Any) -> str:
    """Everything that the refusal of a config shows, with its traceback."""
    with pytest.raises(ConfigError) as caught:
        parse_settings("desk.json", json.dumps(document(place, value)))
    assert caught.value.cure == REFERENCE_CURE
    assert "/".join(map(str, place)) in caught.value.message
    return str(caught.value) + json.dumps(caught.value.to_dict()) + "".join(traceback.format_exception(caught.value))


@given(st.sampled_from(SECRETS), passwords)
def test_a_secret_is_never_taken_as_a_literal_and_never_shown(place, password):
    assert password not in refusal(place, password)


@given(st.sampled_from(SECRETS), st.integers(10**8, 10**18))
def test_a_secret_of_digits_is_never_shown_either(place, number):
    assert str(number) not in refusal(place, number)


@given(
    st.sampled_from(["postgresql", "postgres", "postgresql+psycopg", "POSTGRESQL"]),
    st.sampled_from(
        [
            "{scheme}://desk:{password}@host/desk",
            "{scheme}://:{password}@host/desk",
            "{scheme}://desk@host/desk?password={password}",
            "{scheme}://desk@host/desk?sslmode=require&sslpassword={password}",
            "{scheme}://host/desk?user=desk&PASSWORD={password}",
            "{scheme}:desk:{password}@host/desk",
            "{scheme}:/desk:{password}@host",
            "//desk:{password}@host/desk",
            "desk:{password}@host",
            "host=db password={password}",
            "{scheme}://desk@host/desk#{password}",
            " {scheme}://desk:{password}@host/desk",
        ]
    ),
    passwords,
    st.booleans(),
)
def test_a_database_url_with_a_password_is_refused_however_it_is_malformed(scheme, form, password, quoted):
    written = quote(password, safe="") if quoted else password
    shown = refusal(("database", "url"), form.format(scheme=scheme, password=written))
    assert password not in shown
    assert written not in shown


@given(
    st.sampled_from(ADDRESSES),
    st.sampled_from(
        [
            "https://user:{token}@host.example/hook",
            "https://{token}@host.example/hook",
            "https://host.example/hook?key={token}",
            "https://host.example/{token}",
            "https://host.example/services/{token}/hook",
            "https://host.example/hook#{token}",
            "https://host.example/hook;{token}",
            "https://host.example\\@{token}/hook",
            "https:{token}@host.example",
        ]
    ),
    tokens,
)
def test_an_address_that_holds_a_token_is_refused(place, form, token):
    assert token not in refusal(place, form.format(token=token))


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.slack.com/services/T01234567/B01234567/abcdefghijklmnopqrstuvwx",
        "https://discord.com/api/webhooks/123456789012345678/aBcDeFgHiJkLmNoPqRsTuVwXyZ",
        "https://example.webhook.office.com/webhookb2/0b5f2c1a-1111-2222-3333-444455556666@tenant/IncomingWebhook/x",
        "https://api.telegram.org/bot123456:ABC-DEF1234ghIkl/sendMessage",
    ],
)
def test_webhooks_whose_path_is_the_secret_are_refused(address):
    assert address not in refusal(("notifications", "webhook", "url"), address)


@given(st.sampled_from(SECRETS + ADDRESSES), st.sampled_from(["env:DESK_SECRET", "file:/run/secrets/desk secret"]))
def test_a_reference_is_taken_everywhere_as_it_is(place, reference):
    settings = parse_settings("desk.json", json.dumps(document(place, reference)))
    value: Any = settings.model_dump()
    for part in place:
        value = value[part]
    assert value == reference
    assert ("DESK_SECRET" in settings.secret_variables()) == reference.startswith("env:")


@pytest.mark.parametrize(
    ("place", "address"),
    [
        (("database", "url"), "postgresql://desk@db.example.org:5432/desk?sslmode=verify-full&sslrootcert=/etc/ca.pem"),
        (("database", "url"), "postgres:///desk?host=/var/run/postgresql"),
        (("database", "url"), "postgresql+psycopg://one.example:5432,two.example/desk?target_session_attrs=read-write"),
        (("notifications", "webhook", "url"), "http://127.0.0.1:8080/"),
        (("notifications", "webhook", "url"), "https://hooks.example.org/api/v2/night-desk"),
        (("notifications", "webhook", "url"), "http://[::1]:8080/alerts"),
        (("sources", "yahoo", "base_url"), "http://127.0.0.1:9/v8"),
    ],
)
def test_an_address_without_a_secret_can_be_written_out(place, address):
    parse_settings("desk.json", json.dumps(document(place, address)))


@pytest.mark.parametrize(
    "text",
    ["env:", "env:A B", "env:1A", "env:a-b", "ENV:A", " env:A", "env:A\n", "file:", "file:a\nb", "A", "/run/token"],
)
def test_what_only_looks_like_a_reference_is_refused(text):
    assert not is_reference(text)
    refusal(("api", "token"), text)
