"""The judgement of a version as a worker makes it: by the record of its recipe, over a stored market."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from config import NightdeskError
from config.paths import Home
from config.settings import Settings
from daemon.domain.recipes import Recipe, recipe_of
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import VersionRef
from daemon.executors.worker.main import WorkContext
from daemon.jobs.evaluation.messages import EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.tasks import evaluate
from daemon.jobs.performance_check.messages import LivePerformanceRequest
from daemon.jobs.performance_check.tasks import live_performance
from daemon.jobs.records.messages import RecordRef, RecordRequest
from daemon.jobs.records.tasks import extend_record
from daemon.jobs.signals.messages import SignalRequest
from daemon.jobs.signals.tasks import latest_signals
from evaluation.reports.report import read_report
from tests.support.markets.easy import SYMBOL, easy_bars, easy_expert
from tests.support.models.stored_versions import CLEAN, NAME, NOW, TARGET, Shelf, context, market
from trainers import manifest_sha256
from trainers.artifact import GOLDEN
from trainers.manifest import MANIFEST, sha256_file
from trainers.safe_files import read_tensors, tensor_bytes

SETTINGS = Settings.model_validate(
    {
        "symbols": [SYMBOL],
        "walk_forward": {"train": 300, "test": 150, "purge": 3, "embargo": 2},
        "model_params": {NAME: {"n_estimators": 10}},
    }
)
RECIPE = recipe_of(SETTINGS, TARGET)
TESTED = easy_bars().frame.index[305:]


def worker(home: Home) -> WorkContext:
    return WorkContext(home, SETTINGS, lambda *_: None, lambda: False, lambda: NOW)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the easy market, its expert's log and the record of the recipe."""
    home = Home(tmp_path_factory.mktemp("recorded"))
    Shelf(home).store(market())
    home.expert_logs.mkdir(parents=True)
    easy_expert(market()).frame.to_csv(home.expert_logs / f"{SYMBOL}.csv", index=False)
    result = extend_record(worker(home), RecordRequest.of(RECIPE, first_look=False, at_most=9, tried=1))
    assert (result.folds, result.missing) == (4, 0)
    return home.root


@pytest.fixture(autouse=True)
def _without_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of an evaluation; the test of its report draws."""
    if "its_report" not in request.node.name:
        monkeypatch.setattr("evaluation.reports.report.draw_pictures", lambda *_: [])


@pytest.fixture
def shelf(home: Home, template: Path) -> Shelf:
    shutil.copytree(template, home.root, dirs_exist_ok=True)
    return Shelf(home)


RUNS = count(1)


def reference(recipe: Recipe = RECIPE, **changes: Any) -> RecordRef:
    values: dict[str, Any] = {"standing": "unproven", "sentence": "Its record is short."}
    return RecordRef(params=recipe.params, seed=recipe.seed, window=recipe.window, **(values | changes))


def judged(home: Home, challenger: VersionRef, champion: VersionRef | None = None, **changes: Any) -> EvaluateResult:
    facts: dict[str, Any] = {
        "run": f"evaluation-{next(RUNS)}", "case": "first" if champion is None else "refresh",
        "record": reference(), "challenges": 1,
        "tried": 1, "sample_teacher": False, "pinned": False,
    }  # fmt: skip
    request = EvaluateRequest.of(RECIPE, challenger=challenger, champion=champion, **(facts | changes))
    return evaluate(worker(home), request)


def version(name: str, sha256: str) -> VersionRef:
    return VersionRef(name=name, manifest_sha256=sha256)


def test_a_version_is_judged_by_the_record_of_its_recipe(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v1", shelf.put("v1")))
    assert (result.first, result.last) == (TESTED[0], TESTED[-1])
    assert (result.outcome, result.reasons) == ("takes_over", ("first",))
    assert result.metrics.values["sharpe_ratio"] > 3.0  # type: ignore[operator]
    assert EvaluateResult.model_validate_json(result.model_dump_json()) == result


def test_its_report_holds_the_standing_the_decision_and_the_figures_of_the_record(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v1", shelf.put("v1")), tried=7)
    report = read_report(home.root / result.report / "report.json")
    assert (report.standing.standing, report.standing.sentence) == ("unproven", "Its record is short.")
    assert (report.standing.tried, report.standing.record.bars) == (7, len(TESTED))
    assert (report.decision.case, report.decision.outcome) == ("first", "takes_over")
    assert report.decision.sentence == "Takes over: nothing served here, and its recipe is not refuted."
    assert report.span.bars == len(TESTED)
    assert {"model", "buy_and_hold", "flat"} <= report.metrics.keys()


def test_a_refuted_recipe_is_refused_whatever_its_version_decides(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v1", shelf.put("v1")), record=reference(standing="refuted"))
    assert (result.outcome, result.reasons) == ("refused", ("refuted",))


def test_a_refresh_that_decides_as_its_champion_takes_over(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v2", shelf.put("v2")), version("v1", shelf.put("v1")))
    assert (result.outcome, result.reasons) == ("takes_over", ("refresh_unrehearsed",))


def test_a_challenger_with_the_record_of_its_champion_is_not_surely_better(home: Home, shelf: Shelf) -> None:
    result = judged(
        home,
        version("v2", shelf.put("v2")),
        version("v1", shelf.put("v1")),
        case="challenge",
        champion_record=reference(),
    )
    assert (result.outcome, result.reasons) == ("refused", ("not_surely_better",))
    report = read_report(home.root / result.report / "report.json")
    assert report.decision.figures["p_challenge"] == 1.0
    assert report.metrics["champion"] == report.metrics["model"]


def test_a_version_that_serves_is_only_measured(home: Home, shelf: Shelf) -> None:
    result = judged(home, version("v1", shelf.put("v1")), case="alone")
    assert (result.outcome, result.reasons) == ("measured", ("serves",))


@pytest.mark.parametrize(("leaks", "doubt"), [({**CLEAN, "clean": False}, "leak"), (None, "no_audit")])
def test_a_version_that_leaks_or_was_not_audited_is_refused(
    home: Home, shelf: Shelf, leaks: dict[str, Any] | None, doubt: str
) -> None:
    result = judged(home, version("v2", shelf.put("v2", leaks=leaks)))
    assert (result.outcome, result.reasons) == ("refused", (doubt,))


@pytest.mark.parametrize(("facts", "doubt"), [({"sample_teacher": True}, "provenance"), ({"pinned": True}, "pinned")])
def test_a_made_up_expert_and_a_pinned_champion_are_doubts(
    home: Home, shelf: Shelf, facts: dict[str, Any], doubt: str
) -> None:
    result = judged(home, version("v2", shelf.put("v2")), **facts)
    assert (result.outcome, result.reasons) == ("refused", (doubt,))


def test_the_sharpe_ratio_of_a_record_is_deflated_by_everything_tried(home: Home, shelf: Shelf) -> None:
    challenger = version("v1", shelf.put("v1"))
    alone, many = (judged(home, challenger, tried=n).metrics.values for n in (1, 100))
    assert (alone["trials"], many["trials"]) == (1, 100)
    assert alone["probabilistic_sharpe_ratio"] == many["probabilistic_sharpe_ratio"]
    assert alone["deflated_sharpe_ratio"] == alone["probabilistic_sharpe_ratio"]
    assert many["deflated_sharpe_ratio"] <= alone["deflated_sharpe_ratio"]  # type: ignore[operator]


def test_a_report_is_never_written_over_that_of_an_earlier_run_of_the_same_number(home: Home, shelf: Shelf) -> None:
    challenger = version("v1", shelf.put("v1"))
    report = home.root / judged(home, challenger, run="evaluation-7").report / "report.json"
    before = report.read_bytes()
    with pytest.raises(NightdeskError) as refused:
        judged(home, challenger, run="evaluation-7", tried=100)
    assert refused.value.code == "report.exists"
    assert report.read_bytes() == before


def test_a_recipe_without_a_record_cannot_be_judged(home: Home, shelf: Shelf) -> None:
    other = Recipe(SYMBOL, NAME, RECIPE.params, RECIPE.seed + 1, RECIPE.window)
    with pytest.raises(NightdeskError) as refused:
        judged(home, version("v1", shelf.put("v1")), record=reference(other))
    assert refused.value.code == "evaluation.too_short"


@pytest.mark.parametrize(("source", "interval"), [("sample", "1d"), ("yahoo", "1h")])
def test_a_model_of_other_bars_is_neither_judged_nor_asked_for_signals(
    home: Home, shelf: Shelf, source: str, interval: str
) -> None:
    other = version("v1", shelf.put("v1", bars=market(source, interval)))
    pair = {"subject": SYMBOL, "model_type": NAME}
    for task in (
        lambda: judged(home, other),
        lambda: latest_signals(context(home), SignalRequest(**pair, version=other)),
        lambda: live_performance(context(home), LivePerformanceRequest(**pair, version="v1", signals=())),
    ):
        with pytest.raises(NightdeskError) as caught:
            task()
        assert caught.value.code == "model.other_bars"


def test_a_version_that_misses_its_golden_predictions_is_refused_but_such_a_champion_can_be_followed(
    home: Home, shelf: Shelf
) -> None:
    shelf.put("v1")
    changed = version("v1", _with_other_golden_predictions(home))
    with pytest.raises(NightdeskError, match="golden"):
        judged(home, changed)
    assert judged(home, version("v2", shelf.put("v2")), changed).outcome == "takes_over"


def test_live_signals_of_the_recipe_count_in_the_judgement(home: Home, shelf: Shelf) -> None:
    live = tuple(
        PublishedSignal(
            symbol=SYMBOL, bar_time=time, published_at=time + timedelta(hours=1), position=-1.0, confidence=0.5
        )
        for time in TESTED[-100:].to_pydatetime()
    )
    challenger = version("v1", shelf.put("v1"))
    without, with_live = judged(home, challenger), judged(home, challenger, record=reference(published=live))
    assert with_live.metrics.values["total_return"] < without.metrics.values["total_return"]  # type: ignore[operator]


def _with_other_golden_predictions(home: Home) -> str:
    """As if a library had changed what the model decides: its files are whole, its golden predictions are others."""
    folder = home.model(SYMBOL, NAME, "v1")
    golden, layout = read_tensors(folder / GOLDEN)
    golden |= {name: values * 0.5 for name, values in golden.items() if name.endswith("/confidence")}
    (folder / GOLDEN).write_bytes(tensor_bytes(golden, layout))
    document = json.loads((folder / MANIFEST).read_bytes())
    document["files"][GOLDEN] = {"sha256": sha256_file(folder / GOLDEN), "bytes": (folder / GOLDEN).stat().st_size}
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    return manifest_sha256(folder)
