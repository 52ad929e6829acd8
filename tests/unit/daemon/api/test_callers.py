"""Who counts as one caller, and who as a program on this machine."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from daemon.api.callers import caller, is_https, is_local, network


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("unix:", "unix:"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_a_subscriber_is_one_caller(address, expected):
    assert network(address) == expected


@pytest.mark.parametrize(
    ("forwarded", "behind_proxy", "expected"),
    [
        ("203.0.113.9", True, "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", True, "203.0.113.9"),
        ("203.0.113.9", False, "127.0.0.1"),
        ("", True, "127.0.0.1"),
    ],
)
def test_only_the_address_that_a_configured_proxy_adds_names_the_caller(forwarded, behind_proxy, expected):
    headers = Headers({"X-Forwarded-For": forwarded})
    assert caller({"client": ("127.0.0.1", 1)}, headers, behind_proxy=behind_proxy) == expected


@pytest.mark.parametrize(
    ("client", "headers", "expected"),
    [
        (("127.0.0.1", 1), {"Host": "localhost:8642"}, True),
        (("::1", 1), {"Host": "[::1]:8642"}, True),
        (("127.0.0.1", 1), {"Host": "desk.example"}, False),
        (("127.0.0.1", 1), {}, False),
        (("192.0.2.7", 1), {"Host": "localhost"}, False),
        (None, {"Host": "localhost"}, False),
        (("127.0.0.1", 1), {"Host": "localhost", "Via": "x"}, False),
    ],
)
def test_a_program_on_this_machine_calls_it_by_its_own_name_and_directly(client, headers, expected):
    assert is_local({"client": client}, Headers(headers)) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "https://a"}, True),
        ({"X-Forwarded-Proto": "https"}, True),
        ({"Origin": "http://a"}, False),
        ({}, False),
    ],
)
def test_tls_is_what_the_browser_or_the_proxy_says(headers, expected):
    assert is_https(Headers(headers)) is expected
