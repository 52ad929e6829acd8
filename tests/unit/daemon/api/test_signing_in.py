"""Signing in and out over HTTP, from another machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from config.paths import Home
from config.settings import Api
from config.settings.service import OWN_PATHS
from daemon.api.access import COOKIE
from daemon.dashboard.sign_in import own_path
from tests.support.desks.fake_desk import filled_desk
from tests.support.servers.http import BEARER, TOKEN, client, serving

HTML = {"Accept": "text/html,*/*;q=0.8"}
API = Api(port=0, behind_proxy=True)
ADDRESSES = count()  # wrong tokens of one test are not another's


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_desk(Home(tmp_path_factory.mktemp("home"))) as desk, serving(desk, API) as url:
        yield url


@pytest.fixture
def outside(url: str) -> Iterator[httpx.Client]:
    """A client that needs the token to read, from an address of its own."""
    with client(url) as http:
        http.headers["X-Forwarded-For"] = f"192.0.2.{next(ADDRESSES)}"
        yield http


def sign_in(http: httpx.Client, token: str = TOKEN, **fields: str) -> httpx.Response:
    return http.post("/sign-in", data={"token": token, **fields})


def test_signed_in_a_browser_reads_and_does_not_write(outside):
    answer = sign_in(outside)
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/", b"")
    assert "max-age=604800" in answer.headers["set-cookie"].lower()
    for path in ("/", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/runs/2/log"):
        assert outside.get(path).status_code == 200
    refused = outside.post("/api/v1/jobs/backup/pause")
    assert (refused.status_code, refused.json()["code"]) == (401, "request.token")
    assert outside.post("/api/v1/jobs/backup/pause", headers=BEARER).status_code == 202


def test_the_cookie_goes_over_tls_alone_where_the_page_came_so(desk):
    with serving(desk, Api(port=0, allowed_hosts=("desk.example",))) as url, client(url) as http:
        plain = sign_in(http).headers["set-cookie"]
        headers = {"Host": "desk.example", "Origin": "https://desk.example"}
        safe = http.post("/sign-in", data={"token": TOKEN}, headers=headers).headers["set-cookie"]
    assert "secure" not in plain.lower()
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= set(safe.split("; "))


def test_a_browser_gets_the_form_and_a_program_a_problem_document(outside):
    page = outside.get("/api/v1/runs?job=training&limit=2", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert page.headers["www-authenticate"] == "Bearer"
    assert 'name="back_to" value="/api/v1/runs?job=training&amp;limit=2"' in page.text
    assert "http-equiv" not in page.text
    problem = outside.get("/api/v1/runs", headers={"Accept": "application/json"})
    assert (problem.status_code, problem.json()["code"]) == (401, "request.token")
    assert outside.head("/", headers=HTML).status_code == 401
    assert outside.get("/nothing", headers=HTML).status_code == 401


def test_a_page_reached_from_another_site_loads_itself_once_more(outside):
    page = outside.get("/", headers={**HTML, "Sec-Fetch-Site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0">' in page.text


def test_after_signing_in_the_browser_goes_where_it_wanted(outside):
    assert sign_in(outside, back_to="/api/v1/runs?limit=2").headers["location"] == "/api/v1/runs?limit=2"


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\r\nX: y", "/é",
     "/sign-in", "/sign-out", "evil.example", "/" + "x" * 3000],
)  # fmt: skip
def test_no_form_sends_a_browser_to_another_site(outside, path):
    assert own_path(path) == "/"
    assert sign_in(outside, back_to=path).headers["location"] == "/"


@pytest.mark.parametrize("token", ["wrong", "", TOKEN[:-1], TOKEN + "x", "<b>&", "é" * 32])
def test_a_wrong_token_is_named_and_nothing_of_it_is_shown(outside, token):
    answer = sign_in(outside, token, back_to="/api/v1/runs")
    assert answer.status_code == 401
    assert "This is not the token of this desk." in answer.text
    assert 'value="/api/v1/runs"' in answer.text
    assert not token or token not in re.sub(r"This is not .*", "", answer.text)
    assert "set-cookie" not in answer.headers


def test_too_many_wrong_tokens_are_answered_with_429(outside):
    for _ in range(10):
        sign_in(outside, "wrong")
    answer = sign_in(outside)
    assert answer.status_code == 429
    assert "Try again in" in answer.text
    assert outside.get("/api/v1/status", headers=BEARER).status_code == 200


def test_a_program_with_an_old_token_shuts_nobody_out(outside):
    for _ in range(20):
        response = outside.get("/api/v1/status", headers={"Authorization": "Bearer " + "x" * 40})
        assert (response.status_code, response.json()["code"]) == (401, "request.token")
    assert sign_in(outside).status_code == 303


def test_signing_out_ends_the_session_also_for_who_has_copied_it(outside):
    sign_in(outside)
    copied = outside.cookies[COOKIE]
    answer = outside.post("/sign-out", data={"x": ""})
    assert (answer.status_code, "You have signed out." in answer.text) == (200, True)
    assert COOKIE not in outside.cookies
    assert outside.get("/api/v1/status", headers={"Cookie": f"{COOKIE}={copied}"}).status_code == 401


def test_a_session_goes_on_after_a_restart_of_the_desk(desk):
    with serving(desk, API) as url, client(url) as http:
        sign_in(http)
        session = http.cookies[COOKIE]
    with serving(desk, API) as url, client(url) as http:
        assert http.get("/api/v1/status", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 200
        others = f"{COOKIE}=old; a=b; {COOKIE}={session}"
        assert http.get("/api/v1/status", headers={"Cookie": others}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json"}, 415),
    ],
)
def test_forms_of_other_sites_are_refused(outside, headers, status):
    for path in ("/sign-in", "/sign-out"):
        body = b"token=" + TOKEN.encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        answer = outside.post(path, content=body, headers=headers)
        assert answer.status_code == status
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"\xff\xfe", b"token", b"a=1&" * 200, b"token=a&token=b", b"%", b""])
def test_a_form_that_cannot_be_read_signs_nobody_in(outside, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert outside.post("/sign-in", content=body, headers=headers).status_code == 401


def test_only_who_has_signed_in_can_sign_out_on_the_page(desk):
    with serving(desk) as url, client(url) as http:
        local = http.get("/")
        assert '<form id="sign-out" method="post" action="/sign-out" hidden>' in local.text
    with serving(desk, API) as url, client(url) as http:
        sign_in(http)
        signed_in = http.get("/")
        assert '<form id="sign-out" method="post" action="/sign-out" >' in signed_in.text
    assert local.headers["etag"] != signed_in.headers["etag"]


def test_a_path_of_the_desks_own_is_never_the_one_of_a_proxy(desk):
    with serving(desk) as url, client(url) as http:
        served = [*http.get("/api/v1/openapi.json").json()["paths"], "/static/page.css", "/sign-in", "/sign-out"]
    assert {path.split("/")[1] for path in served} == OWN_PATHS


def test_below_a_path_every_link_and_redirect_has_it(desk):
    api = Api(port=0, behind_proxy=True, root_path="/night/desk")
    desk.root_path = api.root_path
    reloaded = api.model_copy(update={"root_path": "/moved"})  # takes effect at the next start
    desk.settings = desk.settings.model_copy(update={"api": reloaded})
    with serving(desk, api) as url, client(url) as http:
        assert http.get("/night/desk").headers["location"] == "/night/desk/"
        for prefix in ("", "/night/desk"):
            assert http.get(f"{prefix}/healthz").status_code == 200
            assert http.get(f"{prefix}/static/page.css").status_code == 200
            form = http.get(f"{prefix}/api/v1/runs", headers=HTML)
            assert 'action="/night/desk/sign-in"' in form.text
            assert 'value="/api/v1/runs"' in form.text
        answer = sign_in(http, back_to="/api/v1/runs")
        assert answer.headers["location"] == "/night/desk/api/v1/runs"
        assert "Path=/night/desk;" in answer.headers["set-cookie"]
        page = http.get("/night/desk/").text
        assert not re.search(r'(?:href|src|action)="/(?!night/desk/)', page)
        report = http.get("/night/desk/api/v1/models/1").json()["evaluations"][0]["report"]
        assert report.startswith("/night/desk/api/v1/reports/")
        assert http.get(report).status_code == 200
