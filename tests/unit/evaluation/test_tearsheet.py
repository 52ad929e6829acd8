"""The page of a report: whole, safe, and in words."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.settings import Promotion
from evaluation import backtest, judge, write_report
from evaluation.baselines import run_baselines
from evaluation.bootstrap import intervals
from evaluation.evidence import Evidence, Leaks, Weights
from evaluation.sensitivity import cost_sensitivity
from evaluation.significance import Trials, significance
from evaluation.slices import sliced
from tests.support.prices import series, walk

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"&"


class Reader(HTMLParser):
    """What a browser would find: tags in their places, and every address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    reader.close()
    assert reader.open == []
    return reader


def write(folder: Path, bars: pd.DataFrame, target: pd.Series, **subject: str) -> Reader:
    test, beside = backtest(bars, target), run_baselines(bars, target, draws=20)
    returns, per_year = test.returns.to_numpy(), test.periods_per_year
    write_report(
        folder,
        subject={
            "symbol": "AAPL",
            "model_type": "behavioral_cloner",
            "version": "v1",
            "provenance": "sample",
            **subject,
        },
        challenger=test,
        baselines=beside.backtests,
        verdict=judge(test, None, Promotion()),
        created_at=NOW,
        evidence=Evidence(
            significance=significance(returns, periods_per_year=per_year, trials=Trials(3, (0.1, 0.2))),
            intervals=intervals(returns, periods_per_year=per_year, resamples=200),
            luck=beside.luck,
            costs=cost_sensitivity(bars, target),
            slices=sliced(test, bars, pd.Series("calm", index=bars.index, dtype="category")),
            leaks=Leaks(False, [{"kind": "look_ahead", "name": HOSTILE, "detail": "it knew"}], {"bars": 40}),
            weights=Weights("share of the trees", {HOSTILE: 0.5, "rsi_14": 0.25}),
        ),
    )
    return read(folder / "report.html")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    bars = walk(250)
    target = series(np.where(np.arange(250) // 7 % 3, 0.9, -0.4), bars)
    return write(tmp_path_factory.mktemp("report"), bars, target, version=HOSTILE, model_type=HOSTILE)


def test_the_page_fetches_nothing_and_runs_nothing(page):
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "form", "base"} & set(page.tags)


def test_whatever_a_name_holds_stays_text(page):
    assert page.text.count(HOSTILE) >= 3


def test_the_page_says_in_words_what_was_judged_and_how(page):
    for words in (
        "SAMPLE DATA",
        "numbers from it mean nothing",
        "Not shown to be better than cash" if "Not shown" in page.text else "than cash",
        "250 bars not seen in training",
        "commission 0.1\N{NO-BREAK SPACE}%",
        "decided at the close of a bar, filled at the next open",
        "Sharpe ratio",
    ):
        assert words in page.text
    assert "zero_variance" not in page.text
    assert "it never moved" in page.text


@pytest.mark.parametrize("bars", [walk(1), walk(2), walk(30).reset_index(drop=True), walk(60)])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_any_span_and_an_account_that_never_trades_have_a_page(tmp_path, bars, weight):
    page = write(tmp_path, bars, series([weight] * len(bars), bars), provenance="yahoo")
    assert "SAMPLE DATA" not in page.text
    assert "nan" not in page.text.lower().replace("finance", "")
    assert "None" not in page.text
