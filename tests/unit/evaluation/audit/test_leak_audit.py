from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from config import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import FitRecord, LeakAudit, Span, audit
from evaluation.signal_model import SymbolModel
from evaluation.signals import Signals
from tests.support.markets.easy import rough_bars

BARS = rough_bars(400)
INPUTS = Inputs.of(BARS)
TIMES = pd.DatetimeIndex(BARS.frame.index)


def span(first: int, last: int) -> Span:
    return Span(TIMES[first].to_pydatetime(), TIMES[last].to_pydatetime())


def fit(rows: slice, ahead: int = 0, measured_span: Span | None = None) -> FitRecord:
    places = np.arange(400)[rows]
    return FitRecord("thing", TIMES[places], TIMES[np.minimum(places + ahead, 399)], measured_span)


@dataclass
class Follower(SymbolModel):
    """Holds what rose, and decides it from columns of its own."""

    column: str = "change"
    least: int = 0

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        if len(bars) < self.least:
            raise NightdeskError("few.bars", "Too few.", "Give more.")
        return pd.DataFrame({self.column.format(len(bars)): bars.frame["close"].pct_change()})

    def signals(self, bars: Bars) -> Signals:
        rose = (bars.frame["close"].diff() > 0.0).astype("float64")
        return Signals(rose, rose)


def findings_of(*fits: FitRecord, embargo: int = 0) -> list[tuple[str, str]]:
    result = audit(Follower(), INPUTS, fits, span(50, 300), embargo=embargo)
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
    return [(finding.kind, finding.detail) for finding in result.findings]


def kinds(*fits: FitRecord, embargo: int = 0) -> list[str]:
    return [kind for kind, _ in findings_of(*fits, embargo=embargo)]


def test_what_was_learned_inside_the_training_span_is_clean() -> None:
    assert kinds(fit(slice(50, 301))) == []
    assert kinds(fit(slice(50, 291), ahead=10)) == []
    assert kinds(fit(slice(50, 190), ahead=10, measured_span=span(200, 300))) == []


def test_a_row_from_before_or_after_the_training_span_is_found() -> None:
    for rows, count in ((slice(49, 301), 252), (slice(50, 302), 252)):
        [(kind, detail)] = findings_of(fit(rows))
        assert kind == "fit_span"
        assert detail.startswith(f"1 of {count} rows lie outside the training span")


def test_a_label_that_ends_after_the_training_span_is_found() -> None:
    [(kind, detail)] = findings_of(fit(slice(50, 292), ahead=10))
    assert kind == "label_overlap"
    assert TIMES[291].isoformat() in detail


def test_a_label_that_reaches_the_span_it_is_measured_on_is_found() -> None:
    assert kinds(fit(slice(50, 191), ahead=10, measured_span=span(200, 300))) == ["label_overlap"]
    assert kinds(fit(slice(50, 201), measured_span=span(200, 300))) == ["fit_span"]


def test_rows_after_a_measured_span_are_under_embargo() -> None:
    between = fit(slice(111, 301), measured_span=span(50, 110))
    assert kinds(between) == []
    assert kinds(between, embargo=1) == ["embargo"]
    assert kinds(fit(slice(121, 301), measured_span=span(50, 110)), embargo=10) == []
    assert kinds(fit(slice(120, 301), measured_span=span(50, 110)), embargo=10) == ["embargo"]


def test_a_choice_made_on_the_bars_that_will_judge_is_found() -> None:
    assert kinds(fit(slice(50, 200), measured_span=span(250, 301))) == ["measured_span"]


def test_what_cannot_be_learned_again_from_its_own_bars_is_found() -> None:
    def mean(inputs: Inputs) -> np.ndarray:
        return np.array([inputs.only.frame["close"].mean(), 1.0])

    rows = TIMES[50:200]
    honest = FitRecord("mean", rows, rows, refit=(mean(INPUTS.head(200)), mean))
    assert kinds(honest) == []
    [(kind, detail)] = findings_of(FitRecord("mean", rows, rows, refit=(mean(INPUTS), mean)))
    assert kind == "refit"
    assert detail.startswith(
        f"its number 0 is {float(mean(INPUTS)[0])!r}, and {float(mean(INPUTS.head(200))[0])!r} when"
    )
    assert detail.endswith("(1 of 2 differ)")
    [(kind, detail)] = findings_of(FitRecord("mean", rows, rows, refit=(mean(INPUTS)[:1], mean)))
    assert (kind, detail[:31]) == ("refit", "it is 1 numbers, and 2 when fit")


def test_a_training_that_declares_nothing_is_not_clean() -> None:
    assert kinds() == ["undeclared"]


def test_the_audit_lists_what_it_checked() -> None:
    result = audit(Follower(), INPUTS, [fit(slice(50, 301), ahead=0)], span(50, 300))
    assert isinstance(result, LeakAudit)
    assert result.clean
    assert result.checked["bars"] == 400
    assert result.checked["features"] == ["change"]
    assert result.checked["training"] == str(span(50, 300))
    assert result.checked["fits"] == [
        {"name": "thing", "rows": 251, "span": str(span(50, 300)), "measured_span": None, "refit": False}
    ]


def test_the_same_seed_gives_the_same_audit() -> None:
    fits = [fit(slice(50, 301))]
    first, second = (audit(Follower(), INPUTS, fits, span(50, 300), seed=4).to_dict() for _ in range(2))
    assert first == second


def test_the_cost_does_not_grow_with_the_history() -> None:
    bars = rough_bars(1258)
    long = Bars(pd.concat([bars.frame, bars.frame.set_axis(bars.frame.index + pd.Timedelta(days=3650))]), "BTC-USD")
    result = audit(Follower(), Inputs.of(long), [fit(slice(50, 301))], Span(TIMES[50], TIMES[300]))
    assert result.clean
    assert result.checked["bars"] == 1500


@pytest.mark.parametrize(("starts", "ends"), [(0, 0), (3, 2)])
def test_rows_that_do_not_fit_their_labels_are_refused(starts: int, ends: int) -> None:
    with pytest.raises(NightdeskError, match="thing is recorded") as refused:
        FitRecord("thing", TIMES[:starts], TIMES[:ends])
    assert refused.value.code == "leaks.rows"


def test_a_label_that_ends_before_its_row_is_refused() -> None:
    with pytest.raises(NightdeskError):
        FitRecord("thing", TIMES[1:3], TIMES[:2])


def test_features_that_change_their_names_are_refused() -> None:
    with pytest.raises(NightdeskError, match="Name the same features") as refused:
        audit(Follower("change_{}"), INPUTS, [fit(slice(50, 301))], span(50, 300))
    assert refused.value.code == "leaks.misaligned"


def test_the_error_of_a_model_that_needs_more_bars_is_passed_on() -> None:
    with pytest.raises(NightdeskError) as refused:
        audit(Follower(least=20), INPUTS, [fit(slice(50, 301))], span(50, 300))
    assert refused.value.code == "few.bars"
