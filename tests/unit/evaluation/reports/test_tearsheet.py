"""The page of a report: whole, safe, and in words."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import backtest, write_report
from evaluation.monitoring.decision_quality import measure_decision_quality
from evaluation.monitoring.drift import measure_drift, reference
from evaluation.reports.evidence import Evidence, FeatureImportance, Leaks, ModelSelection, expert_confusion
from evaluation.signals import Signals, positions_since_first_action
from evaluation.statistics.baselines import run_baselines
from evaluation.statistics.bootstrap import intervals
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from evaluation.statistics.significance import Trials, significance
from evaluation.statistics.slices import sliced
from tests.support.markets.prices import series, walk
from tests.support.models.report_parts import first_decision, standing_part

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
    test, baselines = backtest(bars, target), run_baselines(bars, target, draws=20)
    signals = Signals(position=target, confidence=series(np.linspace(0.1, 0.9, len(bars)), bars))
    features = pd.DataFrame({HOSTILE: np.arange(len(bars)) % 7, "rsi_14": np.arange(len(bars))}, index=bars.index)
    expert = positions_since_first_action(series(np.where(np.arange(len(bars)) % 9 < 4, 1.0, -1.0), bars))
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
        model=test,
        baselines=baselines.backtests,
        decision=first_decision(),
        standing=standing_part(),
        created_at=NOW,
        evidence=Evidence(
            significance=significance(returns, periods_per_year=per_year, trials=Trials(3, (0.1, 0.2))),
            intervals=intervals(returns, periods_per_year=per_year, resamples=200),
            random_baseline=baselines.random_baseline,
            model_selection=ModelSelection(
                "2019-01-02T21:00:00Z",
                "2019-06-28T20:00:00Z",
                120,
                3,
                30,
                1.1,
                0.4,
                1.1,
                0.8,
                None,
                learned=True,
                learned_reason="Beat cash on validation: yes.",
            ),
            costs=cost_sensitivity(bars, target),
            slices=sliced(test, bars, pd.Series("calm", index=bars.index, dtype="category")),
            leaks=Leaks(False, [{"kind": "look_ahead", "name": HOSTILE, "detail": "it knew"}], {"bars": 40}),
            drift=measure_drift(reference(signals, features), signals, features),
            decision_quality=measure_decision_quality(signals, bars, expert),
            expert_confusion=expert_confusion(signals, expert),
            feature_importance=FeatureImportance("share of the trees", {HOSTILE: 0.5, "rsi_14": 0.25}),
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


def test_the_page_describes_what_was_judged_and_how(page):
    for words in (
        "SAMPLE DATA",
        "numbers from it mean nothing",
        "Earned nothing that cash would not have earned (by chance alone as much in 12% of cases).",
        "nothing served here, and its recipe is not refuted",
        "2.0 years, ",
        "250 bars",
        "each bar was decided by a model that was not trained on it",
        "commission 0.1\N{NO-BREAK SPACE}%",
        "decided at the close of a bar, filled at the next open",
        "Sharpe ratio",
        "3 seeds on validation (2019-01-02 to 2019-06-28): Sharpe ratio 0.40 to 1.10, mean 0.80, selected 1.10",
        "the best of 30 checkpoints. Beat cash on validation: yes.",
    ):
        assert words in page.text
    assert "zero_variance" not in page.text
    assert "no variance" in page.text


def test_a_made_up_expert_on_real_bars_is_marked_as_the_sample_market_is(tmp_path):
    bars = walk(60)
    page = write(tmp_path, bars, series([0.5] * 60, bars), provenance="csv, sample expert")
    assert "SAMPLE EXPERT" in page.text
    assert "the expert is made up" in page.text
    assert "SAMPLE DATA" not in page.text


def test_the_page_lists_evidence_that_was_not_measured(tmp_path):
    bars = walk(40)
    test = backtest(bars, series([1.0] * 40, bars))
    subject = {"symbol": "AAPL", "model_type": "rule", "version": "v1", "provenance": "yahoo"}
    write_report(
        tmp_path,
        subject=subject,
        model=test,
        baselines={},
        decision=first_decision(),
        standing=standing_part(),
        created_at=NOW,
    )
    page = read(tmp_path / "report.html")
    assert "Not in this report: significance (not measured)" in page.text
    assert "Features, decisions and drift" not in page.text


def test_an_expert_that_never_acted_held_nothing_to_compare_with():
    bars = walk(30)
    signals = Signals(position=series([1.0] * 30, bars), confidence=series([0.5] * 30, bars))
    assert expert_confusion(signals, positions_since_first_action(series([0] * 30, bars))) is None
    acted = expert_confusion(signals, positions_since_first_action(series([0] * 10 + [1] + [0] * 18 + [-1], bars)))
    assert acted is not None
    assert acted.counts == [[0, 0, 0], [0, 0, 1], [0, 0, 19]]


@pytest.mark.parametrize(
    ("bars", "weight"), [(walk(1), 1.0), (walk(2), 1.0), (walk(30).reset_index(drop=True), 1.0), (walk(60), 0.0)]
)
def test_any_span_and_an_account_that_never_trades_have_a_page(tmp_path, bars, weight):
    page = write(tmp_path, bars, series([weight] * len(bars), bars), provenance="yahoo")
    assert "SAMPLE DATA" not in page.text
    assert "nan" not in page.text.lower().replace("finance", "")
    assert "None" not in page.text
