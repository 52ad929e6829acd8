"""Records of a trader's copy, from logs in a home to a judged version with its report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from config.paths import Home
from daemon.api import answers
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import VersionRef
from daemon.jobs.evaluation.comparison_tasks import compare_models
from daemon.jobs.evaluation.messages import ComparedVersion, CompareModelsRequest
from daemon.jobs.performance_check.messages import LivePerformanceRequest, MonitorRequest
from daemon.jobs.performance_check.tasks import live_performance, monitor
from daemon.jobs.records.messages import RecordFacts, RecordResult
from evaluation.imitation.figures import ImitationFigures
from evaluation.reports.comparison import COMPARISON, read_comparison
from evaluation.reports.imitation.report import read_copy_report
from tests.support.desks.copied_trader import NAME, NOW, CopiedTrader
from tests.support.models.recipe_records import record_facts
from tests.support.models.small_types import TRADER, registered
from trainers import manifest_sha256

ANSWER = {
    "subject": TRADER, "model_type": NAME, "recipe": "r" * 64, "provenance": "bucket", "seed": 42, "window": 1825,
    "standing": "unproven", "standing_since": NOW, "sentence": "", "in_use": True, "folds": 2, "missing": 0,
    "on_history": None, "since_live": None, "updated_at": NOW,
}  # fmt: skip
MARKETS = 15  # eight to learn from, a block of four, and three of the four of the next


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with registered():
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the logs of a trader, the record of its recipe and a version."""
    root = tmp_path_factory.mktemp("copied")
    trader = CopiedTrader(Home(root))
    trader.store(0, MARKETS)
    with registered():
        trader.extend()
        trader.save_version("v1")
    return root


@pytest.fixture
def trader(home: Home, template: Path) -> CopiedTrader:
    shutil.copytree(template, home.root, dirs_exist_ok=True)
    return CopiedTrader(home)


def first_version(trader: CopiedTrader) -> VersionRef:
    return VersionRef(name="v1", manifest_sha256=manifest_sha256(trader.home.model(TRADER, NAME, "v1")))


def figures_of(result: RecordResult) -> ImitationFigures:
    assert result.facts is not None
    assert isinstance(result.facts.figures, ImitationFigures)
    return result.facts.figures


def folds(trader: CopiedTrader) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(trader.keeper.folder.glob("*/fold.json"))}


def test_a_record_is_of_the_newest_markets_and_of_no_account(trader: CopiedTrader) -> None:
    result = trader.extend()
    assert (result.folds, result.missing, result.computed) == (2, 0, 0)
    figures = figures_of(result)
    assert figures.markets == 7
    assert figures.decisions == 7 * 15
    assert figures.accuracy is not None
    assert result.facts is not None
    assert result.facts.metrics.values["sharpe_ratio"] is None
    assert result.facts.metrics.reasons["sharpe_ratio"] == "no_account"
    assert RecordResult.model_validate_json(result.model_dump_json()) == result


def test_new_markets_add_to_the_open_block_without_a_training_then_begin_another_and_change_nothing(
    trader: CopiedTrader,
) -> None:
    before = folds(trader)
    trader.store(15, 16)
    night = trader.extend()
    assert (night.computed, night.fitted, night.restarted) == (1, 0, 0)
    assert figures_of(night).markets == 8
    after = folds(trader)
    assert [name for name in before if after[name] != before[name]] == [max(before)]
    trader.store(16, 17)
    night = trader.extend()
    assert (night.computed, night.fitted, night.restarted) == (1, 1, 0)
    assert {name: folds(trader)[name] for name in after} == after
    assert figures_of(night).markets == 9
    assert trader.extend().computed == 0


def test_too_few_markets_have_no_record(home: Home) -> None:
    few = CopiedTrader(home)
    few.store(0, 8)
    result = few.extend()
    assert (result.folds, result.facts) == (0, None)


def test_published_signals_count_in_the_place_of_those_of_the_folds(trader: CopiedTrader) -> None:
    history = trader.extend()
    market = list(trader.keeper.inputs.bars.values())[-1]
    live = tuple(
        PublishedSignal(
            symbol=market.symbol, bar_time=time, published_at=time + timedelta(seconds=9), position=-1.0, confidence=0.9
        )
        for time in market.frame.index.to_pydatetime()
    )
    result = trader.extend(published=live)
    assert result.facts is not None
    assert result.facts.live_from == market.frame.index[0]
    assert result.facts.since_live is not None
    assert result.facts.since_live.values["decisions"] == 15
    assert result.facts.on_history is not None
    assert result.facts.on_history.values["markets"] == 6
    assert figures_of(result).accuracy != figures_of(history).accuracy


def test_a_version_is_judged_reported_monitored_and_compared(trader: CopiedTrader) -> None:
    version = first_version(trader)
    result = trader.evaluate(version)
    assert (result.outcome, result.reasons) == ("takes_over", ("first",))
    assert result.metrics.number("sharpe_ratio") is None
    assert result.metrics.number("copied") is not None
    report = read_copy_report(Path(trader.home.root / result.report / "report.json"))
    assert "this model copies" in report.answer
    assert report.standing.record.markets == 7
    assert {row.name for row in report.evidence.rows} == {"model", "majority", "last_action", "last_fill"}
    assert report.evidence.targets is not None  # it is sized by the return that is asked for
    page = (trader.home.root / result.report / "report.html").read_text()
    assert "Can this trader be copied?" in page
    assert "Sharpe" not in page

    observed = monitor(
        trader.context,
        MonitorRequest(
            subject=TRADER, model_type=NAME, version=version, record=trader.reference(), signals=(), trained_until=NOW
        ),
    )
    assert observed.evaluation.number("action_psi") is not None
    request = CompareModelsRequest(
        run="run",
        subject=TRADER,
        versions=(
            ComparedVersion(
                model_type=NAME,
                name="v1",
                manifest_sha256=version.manifest_sha256,
                state="champion",
                record=trader.reference(),
            ),
        ),
    )
    compared = compare_models(trader.context, request)
    row = read_comparison(trader.home.root / compared.report / COMPARISON).symbols[0].rows[0]
    assert (row.figures["sharpe_ratio"], row.reasons["sharpe_ratio"]) == (None, "no_account")
    assert row.figures["accuracy"] == result.metrics.number("copied")


def test_published_signals_of_a_copy_earn_nothing_that_could_be_measured(trader: CopiedTrader) -> None:
    version = first_version(trader)
    market = list(trader.keeper.inputs.bars.values())[-1]
    time = market.frame.index[-1].to_pydatetime()
    live = PublishedSignal(symbol=market.symbol, bar_time=time, published_at=time, position=1.0, confidence=0.5)
    result = live_performance(
        trader.context,
        LivePerformanceRequest(subject=TRADER, model_type=NAME, version=version.name, signals=(live,)),
    )
    assert result.metrics.number("sharpe_ratio") is None
    assert result.metrics.reasons["sharpe_ratio"] == "no_account"


def test_the_figures_of_a_copy_and_of_an_account_come_back_from_the_ledger_as_what_they_were(
    trader: CopiedTrader,
) -> None:
    copy, account = trader.extend().facts, record_facts()
    assert copy is not None
    for facts in (copy, account):
        stored = json.loads(json.dumps(facts.document()))
        assert RecordFacts.model_validate(stored, strict=False) == facts
        shown = answers.Record.model_validate(
            {
                **ANSWER,
                **{name: stored[name] for name in ("first", "last", "live_from", "figures")},
                "metrics": stored["metrics"]["values"],
            }
        )
        assert shown.figures == facts.figures
