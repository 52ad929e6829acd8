"""The status page in a real browser, against a real server."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from config.paths import Home
from config.settings import NIGHT, Settings
from daemon.dashboard.page import STATIC
from daemon.domain.retraining import Diagnosis
from daemon.store import datasets, retrainings, runs, versions
from daemon.system.clock import SystemClock
from tests.support.desks.fake_desk import NOW, FakeDesk, empty_desk, end_run, filled_desk
from tests.support.servers.http import serving
from trainers import registry

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--lang=en-GB",
]
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def open_page(desk: FakeDesk, profile: Path) -> tuple[str, str]:
    """The words on the page when it has drawn itself, and what the browser complained of."""
    with serving(desk) as url:
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--dump-dom", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    complaints = "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)
    return done.stdout, complaints


def words(dom: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", dom)))


@browser
def test_the_page_shows_models_signals_and_when_the_next_jobs_run(home: Home, tmp_path: Path):
    with filled_desk(home) as desk:
        desk.database.write(_data)
        desk.database.write(_retrained)
        dom, complaints = open_page(desk, tmp_path / "profile")
    page = words(dom)
    assert complaints == ""
    for expected in (
        "1 alert",
        "Sample data: a synthetic market.",
        "AAPL ▲ buy",
        "+1.00",
        "82 %",
        "187.25",
        "behavioral cloner 20260304T020000-0a1b2c3d",
        "unproven",
        "MSFT no champion",
        "1 of 2 tasks 75 %",
        "MSFT/behavioral cloner tree 100 of 200",
        "daily at 02:00",
        "Sharpe ratio 0.10 is below 0.50.",
        "backup_20260304_020000, 9 files, 1.2 MB",
        "not yet; the restore drill proves it",
        "AAPL 0.970 250 ",
        "yahoo, 1d dddddddddddd gap 1",
        "decisions: 9 decisions of a trader in bars of 15s",
        "(training-2): It was trained 31 days ago.",
    ):
        assert expected in page, expected
    assert '<time datetime="2026-03-05T02:00:00Z"' in dom  # training runs next
    assert re.search(
        r'<img alt="Equity and drawdown of AAPL[^>]* src="/api/v1/reports/evaluation-3/[^"]*equity.png', dom
    )
    assert 'href="/api/v1/reports/evaluation-3/' in dom


def _retrained(c: Connection) -> None:
    champion = versions.champions(c)[0]
    new = retrainings.NewRetraining(
        subject=champion.subject,
        model_type=champion.model_type,
        data_until=NOW,
        version_id=champion.id,
        diagnoses=(Diagnosis(reason="age", message="It was trained 31 days ago."),),
        started_at=NOW - timedelta(hours=2),
        run_id=2,
        own_run=True,
    )
    assert retrainings.claim(c, new)


def _data(c: Connection) -> None:
    times: dict[str, Any] = {"first": NOW, "last": NOW, "pulled_at": NOW}
    health = {"index": 0.97, "warnings": {"gap": 1}}
    datasets.record(
        c,
        datasets.NewDataset(
            dataset="d" * 64,
            kind="bars",
            source="yahoo",
            symbol="AAPL",
            interval="1d",
            rows=250,
            detail={"health": health},
            **times,
        ),
    )
    datasets.record(
        c,
        datasets.NewDataset(
            dataset="e" * 64,
            kind="trader_table",
            source="trade_logs",
            symbol="decisions",
            interval="15s",
            rows=9,
            **times,
        ),
    )


@browser
def test_the_page_of_a_new_desk_shows_what_happens_next(home: Home, tmp_path: Path):
    with empty_desk(home) as desk:
        desk.clock = SystemClock()  # type: ignore[assignment]
        dom, _ = open_page(desk, tmp_path / "profile")
    page = words(dom)
    assert "No signals yet. Next is the data update" in page
    assert "Not trained yet." in page
    assert "No data yet." in page
    assert "No backup yet; one is taken at the end of every night." in page
    assert re.search(r'<section id="alerts"[^>]* hidden', dom)


@browser
def test_a_failed_job_is_on_the_page_with_its_cure_and_in_the_title(home: Home, tmp_path: Path):
    error = {
        "code": "data.unknown_symbol",
        "message": "The folder of bars has no file for <AAPL>.",
        "cure": "Add AAPL.csv or AAPL.parquet.",
        "detail": {},
    }
    with empty_desk(home) as desk:
        end_run(desk, "data_update", "failed", cause="data.unknown_symbol", detail={"failed": {"AAPL": error}})
        failed, complaints = open_page(desk, tmp_path / "profile")
        for job in NIGHT:
            end_run(desk, job, "succeeded")
        mended, _ = open_page(desk, tmp_path / "profile")
    page = words(failed)
    assert complaints == ""
    assert "<title>Data update failed · Nightdesk</title>" in failed
    assert re.search(r'id="state" class="pill large bad"[^>]*>Data update failed<', failed)
    assert "AAPL: The folder of bars has no file for <AAPL>." in page
    assert "What to do: Add AAPL.csv or AAPL.parquet. Then start it: nightdesk run-once all ." in page
    assert "<code>nightdesk run-once all</code>" in failed
    assert page.count("The folder of bars has no file") == 1, "its alert does not say the same again"
    assert "<title>No model serves yet · Nightdesk</title>" in mended
    assert "No model serves yet" in words(mended)
    assert "Add AAPL.csv" not in mended


@browser
def test_the_first_night_is_in_the_title_without_a_warning(home: Home, tmp_path: Path):
    with empty_desk(home) as desk:
        desk.database.write(lambda c: runs.request(c, "training", now=NOW, trigger="first_night"))
        dom, _ = open_page(desk, tmp_path / "profile")
    assert "<title>First night: training · Nightdesk</title>" in dom
    assert re.search(r'id="state" class="pill large busy"', dom)
    assert "What to do" not in dom


@browser
def test_text_of_the_desk_is_never_taken_for_markup(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = "<img src=x onerror=alert(1)>"
    monkeypatch.setitem(registry._REGISTERED, name, registry._REGISTERED["ppo"])
    with empty_desk(home) as desk:
        desk.settings = Settings(symbols=("AAPL",), model_types=(name,))
        desk.provenance_note = "<script>document.title = 'taken'</script>"
        desk.problems = ["<b>bold</b>"]
        dom, _ = open_page(desk, tmp_path / "profile")
    assert "&lt;img src=x onerror=alert(1)&gt;" in dom
    assert "&lt;script&gt;document.title" in dom
    assert "<title>taken" not in dom
    assert "&lt;b&gt;bold&lt;/b&gt;" in dom


def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_script():
    for file in STATIC.iterdir():
        text = file.read_text("utf-8")
        addresses = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, file.name
    page = (STATIC / "page.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son\w+=|\sstyle=", page)


def test_the_script_makes_no_markup_from_text():
    for file in STATIC.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", file.read_text("utf-8"))
