from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from config.errors import NightdeskError
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import ErrorInfo, TaskRequest, TaskResult
from daemon.jobs.backup.messages import ProveBackupRequest
from daemon.jobs.data_update.messages import PullTradesRequest, UpdateBarsRequest
from daemon.jobs.performance_check.messages import LivePerformanceRequest
from daemon.jobs.tasks import KINDS, resolve
from daemon.jobs.training.messages import InspectRequest


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        (UpdateBarsRequest(symbol="AAPL"), "AAPL"),
        (InspectRequest(subject="AAPL", model_type="ppo", version="v1"), "AAPL/ppo"),
        (InspectRequest(subject="AAPL", model_type="ppo", version="v1", iteration=2), "AAPL/ppo#2"),
        (PullTradesRequest(), "pull_trades"),
        (ProveBackupRequest(place=None), "home"),
    ],
)
def test_a_task_is_named_by_what_it_works_on_or_by_its_kind(request_: TaskRequest[TaskResult], label: str) -> None:
    assert request_.label == label


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_has_its_request_its_result_and_a_function(kind: str) -> None:
    work = resolve(kind)
    assert work.request.kind == kind
    assert issubclass(work.request.result, TaskResult)
    assert callable(work.function)


def test_an_unknown_kind_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(NightdeskError, match="update_bars") as unknown:
        resolve("conjure")
    assert unknown.value.code == "task.unknown"


def test_a_request_with_times_arrives_as_it_was_sent() -> None:
    now = datetime(2026, 3, 4, 21, 0, 0, 123456, tzinfo=UTC)
    signal = PublishedSignal(symbol="AAPL", bar_time=now, published_at=now, position=0.1 + 0.2, confidence=1.0)
    request = LivePerformanceRequest(subject="AAPL", model_type="ppo", version="v1", signals=(signal,))
    assert LivePerformanceRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize("document", [{}, {"symbol": 3}, {"symbol": "AAPL", "accept": "yes"}, {"symbol": "A", "of": 1}])
def test_a_request_that_is_not_just_what_it_should_be_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UpdateBarsRequest.model_validate(document)


def test_an_error_crosses_with_its_code_message_cure_and_detail() -> None:
    error = ErrorInfo.of(NightdeskError("data.empty", "No bars.", "Pull some.", symbol="AAPL")).exception()
    assert (error.code, error.message, error.cure) == ("data.empty", "No bars.", "Pull some.")
    assert error.detail == {"symbol": "AAPL"}


def test_metrics_keep_the_reason_of_what_is_undefined_and_a_number_is_a_finite_one() -> None:
    measured = {
        "sharpe_ratio": None,
        "trades": 3,
        "max_drawdown_start": "2026-01-05",
        "reasons": {"sharpe_ratio": "flat"},
    }
    metrics = Metrics.of(measured)
    assert metrics.document() == measured
    assert (metrics.number("trades"), metrics.number("sharpe_ratio")) == (3, None)
    assert metrics.number("max_drawdown_start") is None
    assert Metrics(values={"calmar_ratio": float("inf")}).number("calmar_ratio") is None


def test_monitored_metrics_carry_what_chance_would_show() -> None:
    metrics = MonitoredMetrics(values={"side_psi": 0.1}, by_chance={"side_psi": 0.2})
    assert MonitoredMetrics.model_validate_json(metrics.model_dump_json()) == metrics
    assert metrics.document() == {"side_psi": 0.1, "reasons": {}, "by_chance": {"side_psi": 0.2}}
