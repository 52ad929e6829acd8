from __future__ import annotations

import socket
import threading
import time

import pytest

from config.errors import NightdeskError
from daemon.alerts.channels.addresses import is_public, resolve


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8"]
)
def test_hosts_of_the_public_internet_may_be_called(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "169.254.1.1", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
        *("198.18.0.1", "192.0.2.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "5f00::1", "100::1"),
    ],
)
def test_everything_else_is_inside_or_nowhere(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "0", "127.1", "::1"])
def test_a_name_or_a_spelling_of_a_private_address_is_blocked(host):
    with pytest.raises(NightdeskError) as caught:
        resolve(host, 80, allow_private=False, within=5.0)
    assert caught.value.code == "notify.blocked"
    assert "allow_private" in caught.value.cure


def test_one_private_answer_among_public_ones_blocks_them_all(monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NightdeskError, match=r"10\.0\.0\.1"):
        resolve("mixed.example.org", 443, allow_private=False, within=5.0)


def test_a_name_that_cannot_be_resolved_may_be_resolvable_later(monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NightdeskError, match="Temporary failure") as caught:
        resolve("hooks.example.org", 443, allow_private=False, within=5.0)
    assert caught.value.code == "notify.failed"


def test_a_resolver_that_hangs_is_waited_for_until_the_deadline_and_asked_by_one_thread(monkeypatch):
    answered, asked = threading.Event(), []

    def hang(host, *_, **__):
        asked.append(host)
        answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(NightdeskError, match=r"no answer within 0\.05 s") as caught:
            resolve("hangs.example.org", 443, allow_private=False, within=0.05)
        assert caught.value.code == "notify.failed"
        assert time.monotonic() - began < 2
    assert asked == ["hangs.example.org"]
    answered.set()
    assert [a.text for a in resolve("hangs.example.org", 443, allow_private=False, within=5.0)] == ["93.184.216.34"]
