"""The desk behind a real nginx, as docs/proxy.md configures it, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from config.paths import Home
from config.settings import Api
from daemon.api.access import COOKIE
from tests.support.desks.fake_desk import FakeDesk, filled_desk
from tests.support.servers.browser import Browser, browsing
from tests.support.servers.http import BEARER, TOKEN, serving
from tests.support.servers.nginx import client_of, proxied

SITES = {"desk.example.org": "", "example.org": "/nightdesk"}


@dataclass(frozen=True)
class Site:
    """A desk and the address under which the proxy serves it."""

    desk: FakeDesk
    address: str
    root_path: str

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"{self.address}{self.root_path}/"


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root_path, folder = SITES[request.param], tmp_path_factory.mktemp("nginx")
    api = Api(port=0, behind_proxy=True, allowed_hosts=(request.param,), root_path=root_path)
    with filled_desk(Home(tmp_path_factory.mktemp("home"))) as desk:
        desk.root_path = root_path
        with serving(desk, api) as url, proxied(request.param, url, folder) as address:
            yield Site(desk, address, root_path)


@pytest.fixture(scope="module")
def shared_browser(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    name = urlsplit(site.address).hostname
    flags = (f"--host-resolver-rules=MAP {name} 127.0.0.1", "--ignore-certificate-errors", "--window-size=1200,1000")
    with browsing(tmp_path_factory.mktemp("profile"), *flags) as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Browser) -> Browser:
    """A browser that has not signed in."""
    shared_browser.open("about:blank")
    shared_browser.command("Network.clearBrowserCookies")
    shared_browser.command("Emulation.setScriptExecutionDisabled", value=False)
    return shared_browser


def sign_in(browser: Browser, token: str) -> None:
    browser.run(f"document.getElementById('token').value = {json.dumps(token)}")
    browser.press("form.sign-in button")


def test_a_person_signs_in_reads_everything_by_plain_links_and_signs_out(site: Site, browser: Browser, tmp_path: Path):
    browser.open(site.page)
    assert "Token of this desk" in browser.text()
    assert "AAPL" not in browser.text()
    browser.picture(tmp_path / "sign_in.png")

    sign_in(browser, "wrong" * 10)
    browser.wait_for("document.querySelector('.notice.bad')")
    assert "This is not the token of this desk." in browser.text()
    assert browser.cookies() == []
    browser.picture(tmp_path / "wrong.png")

    sign_in(browser, TOKEN)
    browser.wait_for("'ready' in document.body.dataset")
    assert browser.address == site.page
    assert "AAPL" in browser.text()
    assert "▲ buy" in browser.text()
    (cookie,) = browser.cookies()
    assert cookie["name"] == COOKIE
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert cookie["path"] == (site.root_path or "/")
    browser.wait_for("document.querySelector('figure img').naturalWidth > 0")
    browser.picture(tmp_path / "page.png")

    browser.press("figcaption a")
    browser.wait_for("location.pathname.endsWith('/report.html')")
    assert browser.run("document.contentType") == "text/html"
    browser.open(site.page)
    browser.wait_for("'ready' in document.body.dataset")
    browser.press("figure > a")
    browser.wait_for("location.pathname.endsWith('/equity.png')")
    assert browser.run("document.contentType") == "image/png"
    picture = browser.address
    browser.open(site.page)
    browser.run("[...document.links].find((link) => link.innerText === 'Status as JSON').click()")
    browser.wait_for("location.pathname.endsWith('/api/v1/status')")
    assert json.loads(browser.text())["models"][0]["subject"] == "AAPL"

    browser.open(site.page)
    browser.wait_for("'ready' in document.body.dataset")
    browser.press("#sign-out button")
    browser.wait_for("document.querySelector('.notice.good')")
    assert "You have signed out." in browser.text()
    assert browser.cookies() == []
    for address in (site.page, picture, f"{site.page}api/v1/status"):
        browser.open(address)
        assert "Token of this desk" in browser.text(), address
        assert browser.run("document.contentType") == "text/html"


# The page to sign in has no such field either while it is still being read.
WITHOUT_SIGN_IN = "document.readyState === 'complete' && !document.getElementById('token')"


def test_a_link_to_a_report_leads_there_after_signing_in_also_from_another_site(site: Site, browser: Browser):
    report = site.desk.home.relative(next(site.desk.home.results.rglob("report.html"))).removeprefix("results/")
    address = f"{site.page}api/v1/reports/{report}"
    browser.open(address)
    sign_in(browser, TOKEN)
    browser.wait_for(WITHOUT_SIGN_IN)
    assert browser.address == address
    browser.open(f"data:text/html,<a href='{address}'>from a mail</a>")
    browser.press("a")
    browser.wait_for(f"location.protocol === 'https:' && {WITHOUT_SIGN_IN}")
    assert browser.address == address
    browser.command("Network.clearBrowserCookies")
    browser.open(f"data:text/html,<a href='{address}'>from a mail</a>")
    browser.press("a")
    browser.wait_for("document.getElementById('token') && !document.querySelector('meta[http-equiv]')")
    assert browser.address == address


def test_a_page_whose_session_has_ended_says_so(site: Site, browser: Browser):
    browser.open(site.page)
    sign_in(browser, TOKEN)
    browser.wait_for("'ready' in document.body.dataset")
    browser.command("Network.clearBrowserCookies")
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait_for("document.title === 'Sign in again · Nightdesk'")
    assert "You are no longer signed in. Sign in again" in browser.text()
    browser.press("#signed-out a")
    browser.wait_for("document.getElementById('token')")


def test_the_page_without_a_script_signs_in_too(site: Site, browser: Browser):
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(site.page)
    browser.run(f"document.getElementById('token').value = {json.dumps(TOKEN)}")
    browser.run("document.querySelector('form.sign-in button').click()")
    browser.wait_for("document.querySelector('noscript')")
    browser.open(f"{site.page}api/v1/status")
    assert json.loads(browser.text())["models"][0]["subject"] == "AAPL"


def test_without_session_or_token_nothing_reads_through_the_proxy(site: Site):
    root = site.root_path
    with client_of(site.address) as http:
        for path in ("status", "signals", "runs", "models/1", "openapi.json", "datasets/" + "d" * 64, "nothing"):
            refused = http.get(f"{root}/api/v1/{path}")
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
            assert http.get(f"{root}/api/v1/{path}", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
        assert http.get(f"{root}/").status_code == 401
        assert http.get(f"{root}/healthz").json() == {"status": "alive"}
        assert http.get(f"{root}/readyz").json()["notices"] == ["min_sharpe_ratio"]
        assert http.get(f"{root}/api/v1/status", headers=BEARER).status_code == 200


def test_every_address_in_an_answer_works_through_the_proxy(site: Site):
    with client_of(site.address) as http:
        http.headers.update(BEARER)
        api = f"{site.root_path}/api/v1"
        evaluation = http.get(f"{api}/models/1").json()["evaluations"][0]
        for name in ("report", "report_page", "equity_chart", "comparison_page"):
            assert evaluation[name].startswith(f"{site.root_path}/")
            assert http.get(evaluation[name]).status_code == 200, name
        started = http.post(f"{api}/jobs/maintenance/run")
        assert http.get(started.headers["location"]).json()["id"] == started.json()["id"]
        described = http.get(f"{api}/openapi.json").json()
        assert described.get("servers", [{"url": ""}])[0]["url"] == site.root_path
        redirected = http.get(site.root_path or "/")
        assert redirected.status_code in (200, 301, 307)


def test_guessing_ends_for_the_one_who_guesses_and_nobody_else(site: Site):
    def attempt(http: httpx.Client, token: str) -> int:
        return http.post(f"{site.root_path}/sign-in", data={"token": token}).status_code

    with client_of(site.address, caller="127.0.0.3") as http:
        assert [attempt(http, f"guess-{number}") for number in range(12)] == [401] * 10 + [429] * 2
        assert attempt(http, TOKEN) == 429
    with client_of(site.address, caller="127.0.0.2") as other:
        assert attempt(other, TOKEN) == 303
