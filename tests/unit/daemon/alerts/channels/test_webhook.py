from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from config.errors import ConfigError, NightdeskError
from config.secrets import Secret
from daemon.alerts.channels.webhook import WebhookChannel, sign
from daemon.alerts.message import Message
from daemon.system.clock import ManualClock
from tests.support.servers.certificates import make_certificate
from tests.support.servers.webhook_sink import WebhookSink, unused_port

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
MESSAGE = Message("7-firing-webhook", {"transition": "firing", "alert": {"message": "Sharpe \u221e"}})


def channel(url, **options):
    return WebhookChannel(url, Secret("s3cret"), ManualClock(NOW), **{"allow_private": True, **options})


def failure(url, **options):
    with pytest.raises(NightdeskError) as caught:
        channel(url, **options).send(MESSAGE)
    return caught.value


def test_the_signature_is_that_of_the_documentation():
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    assert sign(Secret("key"), 1700000000, b'{"a":1}') == (
        "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


def test_a_message_arrives_as_signed_json_with_its_key():
    with WebhookSink() as sink:
        channel(f"{sink.url}?team=desk").send(MESSAGE)
    (received,) = sink.received
    assert received.path == "/hook?team=desk"
    assert received.payload == MESSAGE.payload
    assert received.key == MESSAGE.key
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Host"] == f"localhost:{sink.port}"
    assert received.headers["X-Nightdesk-Signature"].startswith(f"t={int(NOW.timestamp())},v1=")
    assert received.signed_with("s3cret")
    assert not received.signed_with("another")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, "notify.failed") for status in (408, 425, 429, 500, 503)),
        *((status, "notify.rejected") for status in (401, 403, 404, 405, 410)),
    ],
)
def test_what_may_pass_is_distinguished_from_what_a_person_must_mend(status, code):
    with WebhookSink(status=status) as sink:
        error = failure(sink.url)
    assert error.code == code
    assert str(status) in error.message


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_message_that_the_receiver_refuses_is_sent_once(status):
    with WebhookSink(status=status) as sink:
        assert failure(sink.url).code == "notify.blocked"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    with WebhookSink() as elsewhere, WebhookSink(status=status, location=elsewhere.url) as sink:
        error = failure(sink.url)
    assert error.code == "notify.blocked"
    assert "redirect" in error.message
    assert elsewhere.received == []


def test_a_delivery_to_an_absent_receiver_is_retried():
    error = failure(f"http://127.0.0.1:{unused_port()}/")
    assert error.code == "notify.failed"
    assert "refused" in error.message


@pytest.mark.parametrize("fault", [{"hang": 30.0}, {"drip": 0.05}])
def test_a_receiver_that_hangs_or_drips_is_cut_off_at_the_deadline(fault):
    with WebhookSink(**fault) as sink:
        began = time.monotonic()
        error = failure(sink.url, deadline=0.4)
        assert time.monotonic() - began < 2
    assert error.code == "notify.failed"
    assert "no answer within 0.4 s" in error.message


def test_a_tls_handshake_that_never_ends_is_cut_off_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        error = failure(f"https://127.0.0.1:{silent.getsockname()[1]}/", deadline=0.4)
        assert time.monotonic() - began < 2
    assert "no answer within 0.4 s" in error.message


def test_the_deadline_counts_the_resolver_and_every_address(monkeypatch):
    """0.3 s for the name leave 0.3 s for two addresses that never answer: their queue of connections is full."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())] * 2

        def slow(*_, **__):
            time.sleep(0.3)
            return answers

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        began = time.monotonic()
        error = failure("http://slow.example.org/", deadline=0.6)
    assert "no answer within 0.6 s" in error.message
    assert 0.5 < time.monotonic() - began < 1.1


def test_an_answer_that_is_no_http_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 smtp.example.org ready\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        error = failure(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert error.code == "notify.failed"


@pytest.mark.parametrize(
    "url", ["http://localhost:1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://10.0.0.1/"]
)
def test_private_and_metadata_addresses_are_blocked_before_anything_is_sent(url):
    assert failure(url, allow_private=False).code == "notify.blocked"


def test_the_name_is_resolved_once_and_the_checked_address_is_called(monkeypatch):
    """Rebinding: a second question would get another answer."""
    with WebhookSink() as sink:
        requests = []

        def answer(host, port, **_):
            requests.append(host)
            address = "127.0.0.1" if len(requests) == 1 else "127.0.0.9"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        channel(f"http://rebinding.example.org:{sink.port}/").send(MESSAGE)
    assert requests == ["rebinding.example.org"]
    assert sink.received[0].headers["Host"] == f"rebinding.example.org:{sink.port}"


def test_an_address_that_does_not_answer_gives_way_to_the_next(monkeypatch):
    with WebhookSink() as sink:
        both = [(socket.AF_INET6, ("::1", sink.port, 0, 0)), (socket.AF_INET, ("127.0.0.1", sink.port))]
        answers = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in both]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        channel(f"http://two.example.org:{sink.port}/").send(MESSAGE)
    assert len(sink.received) == 1


def test_tls_is_verified_with_the_host_name(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, "localhost")
    with WebhookSink(certificate=certificate) as sink:
        stranger = failure(sink.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        channel(sink.url).send(MESSAGE)
        other_name = failure(sink.url.replace("localhost", "127.0.0.1"))
    assert len(sink.received) == 1
    assert "self-signed" in stranger.message.replace("self signed", "self-signed")
    assert "mismatch" in other_name.message
    assert (stranger.code, other_name.code) == ("notify.failed", "notify.failed")


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    with WebhookSink() as sink:
        channel(sink.url).send(MESSAGE)
    assert len(sink.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/", "http:///path", "http://user:pass@example.org/", "http://example.org:99999/"),
        *("http://example.org/a b", "http://example.org/\r\nX: 1", "http://a..b/", f"http://{'x' * 64}.org/"),
        *("http://example.org/\u00e9", "http://[::1/"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_config_error(url):
    with pytest.raises(ConfigError) as caught:
        channel(url)
    assert caught.value.code == "config.invalid"


def test_neither_the_secret_nor_the_path_shows_in_an_error():
    error = failure(f"http://127.0.0.1:{unused_port()}/services/T0/B0/token")
    assert "s3cret" not in str(error)
    assert "token" not in str(error)
