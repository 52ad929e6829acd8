"""Hostile and broken clients, byte by byte, against a real server."""

from __future__ import annotations

import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Api
from daemon.api import server as server_module
from daemon.api.server import bind
from daemon.domain.options import RunOptions
from tests.support.desks.fake_desk import FakeDesk, filled_desk
from tests.support.servers.http import BEARER, TOKEN, client, raw, read_to_end, serving

RUN = "/api/v1/jobs/backup/run"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDesk]:
    with filled_desk(Home(tmp_path_factory.mktemp("home"))) as desk:
        yield desk


@pytest.fixture(scope="module")
def url(desk: FakeDesk) -> Iterator[str]:
    with serving(desk) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with client(url) as http:
        yield http


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """Ten seconds are half a second in these tests."""
    monkeypatch.setattr(server_module, "PATIENCE", 0.5)
    return 0.5


def request(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "", ""]).encode() + body


def parsed(response: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return (
        int(first.split()[1]),
        {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)},
        body,
    )


def exchange(url: str, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """One answer, read up to its declared length."""
    with raw(url) as connection:
        connection.sendall(sent)
        received = b""
        while b"\r\n\r\n" not in received or len(parsed(received)[2]) < int(
            parsed(received)[1].get("content-length", 0)
        ):
            part = connection.recv(65536)
            assert part, received
            received += part
    return parsed(received)


def closed_after(connection: socket.socket) -> float:
    began = time.monotonic()
    read_to_end(connection)
    return time.monotonic() - began


def is_problem(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in response.text
    assert "/site-packages/" not in response.text


def test_patience_is_what_the_specification_says():
    assert server_module.PATIENCE == 10.0
    assert server_module.KEEP_ALIVE <= 10


# Slow sockets.


def drip(connection: socket.socket, drop: bytes) -> float:
    """Send `drop` again and again until the server has had enough; how long that took."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < 5:
            connection.sendall(drop)
            time.sleep(0.05)
    except ConnectionError:
        return time.monotonic() - began
    raise AssertionError("the server goes on listening")


def test_a_silent_connection_is_closed(url, hasty):
    with raw(url) as connection:
        assert closed_after(connection) < hasty + 1


@pytest.mark.parametrize("trickle", [b"X: y\r\n", b"x", b"\r\n"])
def test_headers_that_trickle_are_cut_off(url, hasty, trickle):
    with raw(url) as connection:
        if trickle != b"\r\n":
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ")
        assert drip(connection, trickle) < hasty + 1


def test_a_body_that_trickles_is_cut_off(desk, url, hasty):
    with raw(url) as connection:
        head = request(f"POST {RUN} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}",
                       "Content-Type: application/json", "Content-Length: 1000")  # fmt: skip
        connection.sendall(head)
        assert drip(connection, b" ") < hasty + 1
    assert ("backup", RunOptions(), "api") not in desk.requested


def test_the_clock_runs_for_every_request_of_a_connection(url, hasty):
    with raw(url) as connection:
        connection.sendall(request("GET /healthz HTTP/1.1", "Host: localhost"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HT")
        assert closed_after(connection) < hasty + 1


def test_line_breaks_between_requests_do_not_hold_a_connection_for_ever(url, hasty):
    with raw(url) as connection:
        connection.sendall(request("GET /healthz HTTP/1.1", "Host: localhost"))
        connection.recv(65536)
        assert drip(connection, b"\r\n") < hasty + 1


def test_a_reader_that_does_not_read_is_cut_off(desk, url, hasty):
    big = desk.home.result("evaluation-3") / "big.json"
    big.write_bytes(b" " * 30_000_000)
    with raw(url) as connection:
        connection.sendall(request("GET /api/v1/reports/evaluation-3/big.json HTTP/1.1", "Host: localhost"))
        time.sleep(hasty + 1)
        assert len(read_to_end(connection)) < 30_000_000
    big.unlink()


def test_a_fast_client_keeps_its_connection_longer_than_one_request_may_take(url, hasty):
    with raw(url) as connection:
        for _ in range(4):
            connection.sendall(request("GET /healthz HTTP/1.1", "Host: localhost"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)


def test_slow_clients_do_not_keep_others_waiting(url, http):
    slow = [socket.create_connection((httpx.URL(url).host, httpx.URL(url).port)) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        began = time.monotonic()
        assert http.get("/healthz").status_code == 200
        assert time.monotonic() - began < 1
    finally:
        for connection in slow:
            connection.close()


# Large requests.


def test_a_large_body_is_refused_by_its_declared_size_before_it_is_read(url):
    with raw(url) as connection:
        connection.sendall(
            request(
                f"POST {RUN} HTTP/1.1", "Host: localhost", "Content-Length: 2000000", "Content-Type: application/json"
            )
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_never_held_in_memory(http, chunked):
    block = b" " * 10_000

    def blocks() -> Iterator[bytes]:
        yield from (block for _ in range(200))

    tracemalloc.start()
    try:
        content = blocks() if chunked else block * 200
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        response = http.post(RUN, headers={**BEARER, "Content-Type": "application/json"}, content=content)
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    is_problem(response, 413, "request.too_large")
    assert grown < 1_000_000
    assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1])
def test_the_limit_is_64_kilobytes_to_the_byte(http, size):
    headers = {**BEARER, "Content-Type": "application/json"}
    response = http.post(RUN, headers=headers, content=b"{" + b" " * (size - 1))
    assert response.status_code == (422 if size == 64 * 1024 else 413)


def test_endless_headers_are_refused(url):
    with raw(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for number in range(20_000):
                connection.sendall(f"X-{number}: {'y' * 100}\r\n".encode())
        except ConnectionError:
            pass
        response = read_to_end(connection)
    assert not response or parsed(response)[0] == 431


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (["GET /healthz HTTP/1.1", f"X: {'y' * 40_000}"], 431, "request.headers_too_large"),
        (["GET /healthz HTTP/1.1", *(f"X-{number}: y" for number in range(5000))], 431, "request.headers_too_large"),
        (["GET /healthz HTTP/1.1", *(f"X-{number}: y" for number in range(100))], 431, "request.headers_too_large"),
        ([f"GET /healthz?{'y' * 60_000} HTTP/1.1"], 414, "request.url_too_long"),
        ([f"GET /{'y' * 9_000} HTTP/1.1"], 414, "request.url_too_long"),
        (["GET /healthz HTTP/1.1", *(f"X-{number}: {'y' * 300}" for number in range(99))], 200, None),
    ],
)
def test_headers_and_addresses_are_bounded_also_in_one_piece(url, lines, status, code):
    answered, headers, body = exchange(url, request(*lines, "Host: localhost"))
    assert (answered, json.loads(body).get("code")) == (status, code)
    assert headers["content-type"] == ("application/json" if code is None else "application/problem+json")


@pytest.mark.parametrize("endless", [b"X: y\r\n", b"X", b"X-" + b"y" * 1000 + b": 1\r\n"])
def test_headers_behind_a_body_are_bounded_too(url, endless):
    with raw(url) as connection:
        head = request(f"POST {RUN} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                       "Transfer-Encoding: chunked")  # fmt: skip
        connection.sendall(head + b"2\r\n{}\r\n0\r\n" + (b"X: " if endless == b"X" else b""))
        sent = 0
        try:
            while sent < 100_000_000:
                sent += connection.send(endless * (100_000 // len(endless)))
        except ConnectionError:
            pass
    assert sent < 20_000_000


@pytest.mark.parametrize("trailer", [f"Authorization: Bearer {TOKEN}", "Host: evil.example", "Origin: null"])
def test_headers_behind_a_body_mean_nothing(url, trailer):
    def write(*headers: str) -> int:
        lines = ("POST /api/v1/jobs/backup/pause HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                 "Transfer-Encoding: chunked", *headers)  # fmt: skip
        return exchange(url, request(*lines) + f"2\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n".encode())[0]

    assert write() == 401
    assert write(f"Authorization: Bearer {TOKEN}") == 202


def test_a_body_in_many_small_pieces_is_no_header(url, http):
    def pieces() -> Iterator[bytes]:
        yield b"{"
        yield from (b" " for _ in range(40_000))
        yield b"}"

    headers = {**BEARER, "Content-Type": "application/json"}
    assert http.post("/api/v1/jobs/backup/pause", headers=headers, content=pieces()).status_code == 202


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://evil.example/healthz", "localhost", 400),
        ("http://localhost:1/healthz", "localhost", 400),
        ("http://me@localhost/healthz", "localhost", 400),
        ("http://localhost@evil.example/healthz", "localhost", 400),
        ("ftp://localhost/healthz", "localhost", 400),
        ("http://evil.example/healthz", "evil.example", 400),
        ("http://localhost?/healthz", "localhost", 400),
        ("http://LOCALHOST/healthz", "localhost", 200),
        ("https://localhost:8642/healthz", "localhost:8642", 200),
    ],
)
def test_an_address_with_another_host_in_it_is_refused(url, target, host, status):
    answer = exchange(url, request(f"GET {target} HTTP/1.1", f"Host: {host}"))
    assert answer[0] == status, answer
    assert b"alive" in answer[2] if status == 200 else b"problem" in answer[1]["content-type"].encode()


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"symbols": ["\xff"]}', b"{", b'"\\ud800"', b"nul", b"\x00"])
def test_malformed_json_is_refused_as_such(http, body):
    response = http.post(RUN, headers={**BEARER, "Content-Type": "application/json"}, content=body)
    is_problem(response, 422, "request.invalid")


# Who asks.


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        ["localhost.evil.example"],
        ["127.0.0.1.evil.example"],
        ["evil.example:8642"],
        ["localhost@evil.example:1"],
        ["8.8.8.8"],
        ["[::ffff:8.8.8.8]"],
        ["[::1"],
        [""],
        [],
        ["localhost", "evil.example"],
    ],
)
def test_another_host_name_is_refused_for_reads_and_writes(url, hosts):
    for method, path in (("GET", "/api/v1/status"), ("GET", "/"), ("POST", RUN)):
        lines = [f"{method} {path} HTTP/1.0", *(f"Host: {host}" for host in hosts)]
        status, headers, body = exchange(url, request(*lines, f"Authorization: Bearer {TOKEN}"))
        assert (status, headers["content-type"]) == (400, "application/problem+json")
        assert json.loads(body)["code"] == "request.host"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:1", "Content-Type": "text/plain"},
    ],
)
def test_a_post_from_another_site_is_refused_even_with_the_token(http, headers):
    is_problem(http.post(RUN, headers={**BEARER, **headers}, content=b"{}"), 403, "request.cross_site")


def test_a_post_from_the_own_page_is_accepted(url, http):
    headers = {**BEARER, "Origin": url, "Sec-Fetch-Site": "same-origin"}
    assert http.post("/api/v1/jobs/backup/resume", headers=headers).status_code == 202


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_json_is_refused(http, media_type):
    headers = {**BEARER, "Content-Type": media_type}
    is_problem(http.post(RUN, headers=headers, content=b"{}"), 415, "request.not_json")


def test_a_wrong_token_is_refused_before_the_body_is_read(url):
    with raw(url) as connection:
        head = request(f"POST {RUN} HTTP/1.1", "Host: localhost", "Authorization: Bearer wrong",
                       "Content-Type: application/json", "Content-Length: 60000")  # fmt: skip
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")


def test_no_header_lets_a_foreign_page_read(http):
    response = http.options(
        "/api/v1/status", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    )
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.fixture
def outside(desk, monkeypatch) -> Iterator[httpx.Client]:
    """A client whose address is not of this machine, as the server sees it."""
    monkeypatch.setattr("uvicorn.protocols.http.httptools_impl.get_remote_addr", lambda _: ("192.0.2.7", 1))
    with serving_outside(desk) as url, client(url) as http:
        yield http


def serving_outside(desk):
    return serving(desk, Api(host="127.0.0.1", port=0))


def test_from_outside_everything_with_data_needs_the_token(outside):
    for path in ("/api/v1/status", "/api/v1/runs", "/api/v1/openapi.json", "/api/v1/nothing"):
        is_problem(outside.get(path), 401, "request.token")
    assert outside.get("/api/v1/status", headers=BEARER).status_code == 200
    for path in ("/sign-in", "/static/page.js", "/healthz", "/readyz"):
        assert outside.get(path).status_code == 200
    page = outside.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "AAPL" not in page.text


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"x-forwarded-for": ""},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Anything": "1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "desk.example"},
    ],
)
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(desk, header):
    with serving(desk, Api(port=0, allowed_hosts=("desk.example",))) as url, client(url) as http:
        assert http.get("/api/v1/status").status_code == 200
        is_problem(http.get("/api/v1/status", headers=header), 401, "request.token")
        assert http.get("/api/v1/status", headers={**BEARER, **header}).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert http.get(path, headers=header).status_code == 200


def test_behind_a_proxy_that_says_nothing_every_caller_needs_the_token(desk):
    with serving(desk, Api(port=0, behind_proxy=True)) as url, client(url) as http:
        is_problem(http.get("/api/v1/status"), 401, "request.token")
        is_problem(http.get("/api/v1/status", headers={"Authorization": "Basic bmdpbng6eA=="}), 401, "request.token")
        assert http.get("/api/v1/status", headers=BEARER).status_code == 200
        assert http.get("/healthz").status_code == 200


def test_a_header_cannot_make_a_caller_local(outside):
    headers = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
    is_problem(outside.get("/api/v1/status", headers=headers), 401, "request.token")


# Tricks with paths.


@pytest.mark.parametrize(
    "path",
    [
        "../nightdesk.sqlite3",
        "..%2fnightdesk.sqlite3",
        "%2e%2e/%2e%2e/nightdesk.sqlite3",
        "evaluation-3/../../nightdesk.sqlite3",
        "evaluation-3/%2e%2e/%2e%2e/nightdesk.sqlite3",
        "evaluation-3//etc/passwd",
        "evaluation-3/%2fetc%2fpasswd",
        "evaluation-3/..%5c..%5cnightdesk.sqlite3",
        "evaluation-3/report.json%00.png",
        "evaluation-3/.hidden.json",
        "evaluation-3/link.json",
        "evaluation-3/folder/secret.json",
        "linked/secret.json",
        "evaluation-3/secret.txt",
        "evaluation-3/equity.parquet",
        "evaluation-3",
        "evaluation-3/",
        "%ff/report.json",
        "a" * 5000 + "/report.json",
    ],
)
def test_a_report_is_never_read_from_outside_the_results(desk, url, path):
    outside = desk.home.root / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret.json").write_text("{}")
    results = desk.home.result("evaluation-3")
    for name, text in (("secret.txt", "x"), ("equity.parquet", "x"), (".hidden.json", "{}")):
        (results / name).write_text(text)
    links = (
        (results / "link.json", outside / "secret.json"),
        (results / "folder", outside),
        (desk.home.results / "linked", outside),
    )
    for link, target in links:
        if not link.is_symlink():
            link.symlink_to(target)
    response = exchange(url, request(f"GET /api/v1/reports/{path} HTTP/1.1", "Host: localhost", "Connection: close"))
    status, headers, body = response
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert str(desk.home.root).encode() not in body


# Not HTTP at all.


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\u2603 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET ? HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes(range(256)) * 10,
    ],
)
def test_junk_is_refused_with_a_problem_document_and_harms_no_other_request(url, http, junk):
    response = exchange(url, junk)
    assert 400 <= response[0] < 500
    assert response[1]["content-type"] == "application/problem+json"
    assert response[1]["x-content-type-options"] == "nosniff"
    assert json.loads(response[2])["cure"]
    assert http.get("/healthz").status_code == 200


def test_junk_after_a_request_does_not_change_its_answer(url):
    with raw(url) as connection:
        connection.sendall(request("GET /healthz HTTP/1.1", "Host: localhost") + b"\x00\xff junk \r\n\r\n")
        response = read_to_end(connection)
    assert b'"alive"' in response or parsed(response)[0] == 400


def test_pipelined_requests_are_answered_in_their_order(url):
    paths = ["/healthz", "/api/v1/runs/1", "/healthz", "/api/v1/nothing", "/api/v1/runs/2"]
    with raw(url) as connection:
        connection.sendall(b"".join(request(f"GET {path} HTTP/1.1", "Host: localhost") for path in paths[:-1]))
        connection.sendall(request(f"GET {paths[-1]} HTTP/1.1", "Host: localhost", "Connection: close"))
        response = read_to_end(connection)
    marks = [b'"alive"', b'"data_update-1"', b'"alive"', b"route.unknown", b'"training-2"']
    places = []
    for mark in marks:
        places.append(response.index(mark, places[-1] + 1 if places else 0))
    assert places == sorted(places)


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_an_upgrade_is_not_taken(url, upgrade):
    lines = ["GET /api/v1/status HTTP/1.1", "Host: localhost", "Connection: Upgrade", f"Upgrade: {upgrade}"]
    assert (
        exchange(url, request(*lines, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"))[0]
        != 101
    )


def test_a_client_that_leaves_in_the_middle_breaks_nothing(url, http):
    for sent in (b"GET /api/v1/status HT", request("GET /api/v1/status HTTP/1.1", "Host: localhost")):
        for _ in range(20):
            with raw(url) as connection:
                connection.sendall(sent)
    assert http.get("/api/v1/status").status_code == 200


def test_thirty_clients_at_once_are_all_answered(url):
    answers: list[int] = []

    def ask() -> None:
        with client(url) as http:
            answers.extend(http.get(path).status_code for path in ("/api/v1/status", "/api/v1/runs", "/"))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 90


# Where it listens.


def test_a_port_in_use_is_named_with_its_cure():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(NightdeskError) as refusal:
            bind(Api(port=port))
    assert refusal.value.code == "api.port_in_use"
    assert f"127.0.0.1:{port}" in refusal.value.message
    assert "--port" in refusal.value.cure


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_that_is_not_ours_is_named_with_its_cure(host):
    with pytest.raises(NightdeskError) as refusal:
        bind(Api(host=host, port=0))
    assert refusal.value.code == "api.cannot_bind"
    assert host in refusal.value.message
