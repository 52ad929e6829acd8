"""What a reader is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection

from config.paths import Home
from daemon.domain.progress import RunProgress
from daemon.store import jobs, runs, servings, versions
from tests.support.desks.fake_desk import NOW, PIXEL, empty_desk, end_run, publish, version_of
from tests.support.servers.http import client, serving


@pytest.fixture
def new(home: Home) -> Iterator[httpx.Client]:
    with empty_desk(home) as desk, serving(desk) as url, client(url) as http:
        yield http


def json_of(response: httpx.Response) -> dict:
    assert response.status_code == 200, response.text
    return response.json()


def test_a_living_process_answers_that_it_is_alive(http):
    assert json_of(http.get("/healthz")) == {"status": "alive"}


def test_readiness_names_what_keeps_the_desk_from_its_work(desk, live):
    ready = {"ready": True, "problems": [], "notices": ["min_sharpe_ratio"]}
    assert json_of(live.get("/readyz")) == ready
    desk.problems = ["disk.full", "scheduler.stalled"]
    refused = live.get("/readyz")
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert [fault["message"] for fault in refused.json()["errors"]] == ["disk.full", "scheduler.stalled"]
    assert live.get("/healthz").status_code == 200


def test_status_shows_the_condition_of_the_desk(http):
    status = json_of(http.get("/api/v1/status"))
    assert status["conditions"] == [status["health"]]
    assert status["health"] == {
        "state": "degraded",
        "code": "min_sharpe_ratio",
        "job": None,
        "title": "1 alert",
        "message": "Sharpe ratio 0.10 is below 0.50.",
        "cure": "Look at its report; the next night trains another.",
    }


def test_a_failed_job_is_named_with_its_cure_while_the_desk_is_ready(desk, live):
    error = {
        "code": "data.unknown_symbol",
        "message": "There is no file for AAPL.",
        "cure": "Add AAPL.csv.",
        "detail": {},
    }
    end_run(desk, "data_update", "failed", cause="data.unknown_symbol", detail={"failed": {"AAPL": error}})
    ready = json_of(live.get("/readyz"))
    assert (ready["ready"], ready["problems"]) == (True, [])
    assert ready["notices"][0] == "data.unknown_symbol"
    health = json_of(live.get("/api/v1/status"))["health"]
    assert (health["state"], health["code"], health["job"]) == ("degraded", "data.unknown_symbol", "data_update")
    assert health["title"] == "Data update failed"
    assert health["message"].endswith("failed (data.unknown_symbol): AAPL: There is no file for AAPL.")
    assert health["cure"].startswith("Add AAPL.csv. ")
    end_run(desk, "data_update", "succeeded")
    assert json_of(live.get("/api/v1/status"))["health"]["title"] == "1 alert"


def test_the_first_night_is_shown_with_the_job_that_it_has_come_to(home):
    with empty_desk(home) as desk, serving(desk) as url, client(url) as http:
        assert json_of(http.get("/api/v1/status"))["health"]["code"] == "night.none"
        run = desk.database.write(lambda c: runs.request(c, "data_update", now=NOW, trigger="first_night"))
        desk.progress[run.id] = RunProgress(done=1, expected=2)
        status = json_of(http.get("/api/v1/status"))
    assert status["conditions"] == []
    assert (status["health"]["state"], status["health"]["job"]) == ("ok", "data_update")
    assert status["health"]["message"] == "First night under way: data_update, 1 of 2 done."


def test_status_shows_the_whole_desk(http):
    status = json_of(http.get("/api/v1/status"))
    assert status["provenance_note"].startswith("Sample data")
    assert datetime.fromisoformat(status["started_at"]) == NOW - timedelta(hours=7)
    served, rejected = status["models"]
    assert (served["subject"], served["champion"], served["signal"]["action"]) == (
        "AAPL",
        "20260304T020000-0a1b2c3d",
        "buy",
    )
    assert served["evaluation"]["metrics"]["sharpe_ratio"] == 1.27
    assert (rejected["champion"], rejected["signal"], rejected["last_verdict"]["verdict"]) == (
        None,
        None,
        "refused",
    )
    assert [run["job"] for run in status["running"]] == ["training"]
    assert [alert["rule"] for alert in status["alerts"]] == ["min_sharpe_ratio"]
    assert status["backups"]["last_verified"]["name"] == "backup_20260304_020000"
    assert status["backups"]["last_proven"] is None


def test_progress_counts_ended_tasks_whole_and_the_others_by_their_fraction(http):
    progress = json_of(http.get("/api/v1/status"))["running"][0]["progress"]
    assert progress["fraction"] == pytest.approx(0.75)
    assert (progress["done"], progress["total"]) == (1, 2)
    assert progress["message"] == "1 of 2 done; MSFT/behavioral_cloner tree 100 of 200"


def test_jobs_show_when_they_start_and_their_upstream_job(http):
    jobs = {job["job"]: job for job in json_of(http.get("/api/v1/jobs"))["items"]}
    assert (jobs["training"]["schedule"], jobs["training"]["upstream"]) == ("daily at 02:00", None)
    assert datetime.fromisoformat(jobs["training"]["next_run"]) > NOW
    assert (jobs["backup"]["schedule"], jobs["backup"]["upstream"]) == ("after performance check", "performance_check")
    assert jobs["restore_drill"]["schedule"] == "cron 30 4 * * sun"
    assert jobs["signals"]["last_run"]["state"] == "succeeded"
    assert jobs["maintenance"]["last_run"] is None


def test_a_new_desk_shows_every_pair_it_will_train(new):
    status = json_of(new.get("/api/v1/status"))
    assert [(model["subject"], model["champion"], model["evaluation"]) for model in status["models"]] == [
        ("AAPL", None, None),
        ("MSFT", None, None),
    ]
    assert (status["running"], status["alerts"], status["backups"]["last_verified"]) == ([], [], None)
    assert json_of(new.get("/api/v1/signals")) == {"items": [], "missing": []}
    assert json_of(new.get("/api/v1/signals/AAPL"))["items"] == []


def test_a_signal_carries_everything_needed_to_trust_it(http):
    (signal,) = json_of(http.get("/api/v1/signals"))["items"]
    assert signal == {
        "subject": "AAPL",
        "symbol": "AAPL",
        "model_type": "behavioral_cloner",
        "version": "20260304T020000-0a1b2c3d",
        "action": "buy",
        "position": 1.0,
        "confidence": 0.82,
        "price": 187.25,
        "interval": "1d",
        "as_of": "2026-03-03T21:06:07Z",
        "provenance": "sample",
        "badge": "sample data",
        "published_at": "2026-03-04T02:06:07Z",
        "act_by": "2026-03-04T14:36:07Z",
        "expires_at": "2026-03-05T05:06:07Z",
        "stale": False,
        "target_return": None,
        "standing": "unproven",
        "sentence": "Has a record of 100 bars; fewer than 252 prove nothing.",
        "remark": None,
    }


def test_an_expired_signal_is_marked_stale_and_never_called_current(desk, live):
    assert json_of(live.get("/api/v1/signals/AAPL"))["current"]
    desk.clock.move(timedelta(days=1))
    desk.database.write(jobs.paused)
    assert json_of(live.get("/api/v1/signals"))["items"][0]["stale"] is True
    assert json_of(live.get("/api/v1/status"))["models"][0]["signal"]["stale"] is True
    history = json_of(live.get("/api/v1/signals/AAPL"))
    assert history["current"] == []
    assert history["items"][0]["stale"] is True


def missing(live: httpx.Client) -> list[dict]:
    """The champions without a signal: the same in all three answers."""
    listed = json_of(live.get("/api/v1/signals"))["missing"]
    assert json_of(live.get("/api/v1/signals/AAPL"))["missing"] == listed
    assert json_of(live.get("/api/v1/status"))["missing_signals"] == listed
    return listed


def test_a_champion_without_a_current_signal_is_told_with_the_reason(desk, live):
    assert missing(live) == []
    desk.clock.move(timedelta(days=2))
    desk.database.write(jobs.paused)
    (silent,) = missing(live)
    assert (silent["subject"], silent["model_type"], silent["code"]) == ("AAPL", "behavioral_cloner", "signals.stale")
    assert silent["message"] == "Its newest signal expired at 2026-03-05 05:06 UTC."
    error = {"code": "data.gone", "message": "AAPL has no stored bars.", "cure": "Pull them.", "detail": {}}
    end_run(desk, "signals", "failed", cause="data.gone", detail={"failed": {"AAPL/behavioral_cloner": error}})
    (silent,) = missing(live)
    assert (silent["code"], silent["cure"]) == ("data.gone", "Pull them.")
    assert silent["message"].endswith("could not make its signal: AAPL has no stored bars.")


def test_a_champion_serves_in_every_answer_before_its_first_signal_is_asked_for(desk, live):
    def promote(c: Connection) -> None:
        new = version_of(c, None, "AAPL", "20260304T030000-newer")
        servings.serve(c, "AAPL", "behavioral_cloner", new.id, NOW, why="better", author="evaluation")

    desk.database.write(promote)
    (silent,) = missing(live)
    assert (silent["version"], silent["code"]) == ("20260304T030000-newer", "signals.not_run")
    assert "run-once signals" in silent["cure"]
    serving = [model["version"] for model in json_of(live.get("/api/v1/models"))["items"] if model["serves"]]
    champions = [model["champion"] for model in json_of(live.get("/api/v1/status"))["models"] if model["champion"]]
    assert serving == champions == ["20260304T030000-newer"]
    desk.settings = desk.settings.model_copy(update={"symbols": ("MSFT",)})
    desk.database.write(jobs.paused)
    assert json_of(live.get("/api/v1/signals"))["missing"] == []
    assert not any(model["serves"] for model in json_of(live.get("/api/v1/models"))["items"])


def test_a_written_change_shows_in_the_very_next_answer(desk, live):
    json_of(live.get("/api/v1/signals"))
    for day in range(1, 6):
        champion = desk.database.read(lambda c: versions.champion(c, "AAPL", "behavioral_cloner"))
        desk.database.write(
            lambda c, day=day, champion=champion: publish(c, champion, bar_time=NOW + timedelta(days=day), price=day)
        )
        assert json_of(live.get("/api/v1/signals"))["items"][0]["price"] == day


def test_the_history_of_a_symbol_is_read_page_by_page(desk, live):
    champion = desk.database.read(lambda c: versions.champion(c, "AAPL", "behavioral_cloner"))
    for day in range(1, 5):
        desk.database.write(lambda c, day=day: publish(c, champion, bar_time=NOW + timedelta(days=day), price=day))
    prices, cursor = [], None
    while True:
        page = json_of(live.get("/api/v1/signals/AAPL", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        prices += [signal["price"] for signal in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert prices == [4, 3, 2, 1, 187.25]


def test_runs_are_paged_without_a_gap_or_a_repeat_while_new_ones_arrive(desk, live):
    run_ids, cursor = [], None
    while True:
        page = json_of(live.get("/api/v1/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        run_ids += [run["id"] for run in page["items"]]
        desk.database.write(lambda c: runs.request(c, "maintenance", now=NOW, trigger="manual"))
        if (cursor := page["next"]) is None:
            break
    assert run_ids == [6, 5, 4, 3, 2, 1]


def test_runs_can_be_filtered(http):
    assert [run["id"] for run in json_of(http.get("/api/v1/runs?job=training"))["items"]] == [6, 2]
    assert [run["id"] for run in json_of(http.get("/api/v1/runs?job=training&state=running"))["items"]] == [6]
    assert http.get("/api/v1/runs?job=cooking").status_code == 422


def test_a_run_shows_its_tasks_and_progress(http):
    ended = json_of(http.get("/api/v1/runs/2"))
    assert (ended["name"], ended["state"], ended["tasks"][0]["result"]) == ("training-2", "succeeded", {"rows": 1})
    assert ended["progress"] is None
    assert json_of(http.get("/api/v1/runs/6"))["progress"]["done"] == 1


def test_a_run_log_leaves_out_the_line_that_is_still_being_written(http):
    log = json_of(http.get("/api/v1/runs/2/log"))
    assert [line["event"] for line in log["lines"]] == ["task.ended", "run.ended"]
    assert log["truncated"] is False
    assert json_of(http.get("/api/v1/runs/2/log?limit=1")) == {
        "run": 2,
        "lines": [{"event": "run.ended"}],
        "truncated": True,
    }
    assert json_of(http.get("/api/v1/runs/1/log"))["lines"] == []


def test_a_long_run_log_is_answered_from_its_end(desk, live):
    path = desk.home.run_log("training-2")
    path.write_text("".join(json.dumps({"line": n, "text": "x" * 200}) + "\n" for n in range(10_000)))
    log = json_of(live.get("/api/v1/runs/2/log?limit=5000"))
    numbers = [line["line"] for line in log["lines"]]
    assert numbers == list(range(numbers[0], 10_000))
    assert log["truncated"] is True
    assert len(numbers) > 1000


def test_models_are_listed_with_their_state(http):
    models = json_of(http.get("/api/v1/models"))["items"]
    assert [(version["subject"], version["state"]) for version in models] == [
        ("MSFT", "rejected"),
        ("AAPL", "champion"),
    ]
    assert [version["id"] for version in json_of(http.get("/api/v1/models?state=champion&subject=AAPL"))["items"]] == [
        1
    ]
    assert json_of(http.get("/api/v1/models?limit=1"))["next"] == 2


def test_a_model_shows_the_record_of_its_recipe_and_which_one_is_recommended(http):
    served, rejected = json_of(http.get("/api/v1/status"))["models"]
    assert (served["pinned"], served["recommended"]) == (False, True)
    record = served["record"]
    assert (record["standing"], record["folds"], record["missing"]) == ("unproven", 8, 2)
    assert record["sentence"] == served["signal"]["sentence"]
    assert record["figures"]["p_cash"] == 0.12
    assert rejected["recommended"] is False


def test_the_records_of_every_recipe_are_listed_with_how_many_were_tried(http):
    listed = json_of(http.get("/api/v1/records"))
    assert (listed["tried"], listed["confidence"]) == (2, 0.95)
    assert [(row["subject"], row["standing"], row["in_use"]) for row in listed["items"]] == [
        ("AAPL", "unproven", True),
        ("MSFT", "refuted", True),
    ]
    assert listed["items"][0]["recipe"] == "c" * 64
    assert listed["items"][0]["since_live"] is None


def test_a_pinned_champion_is_marked(desk, live):
    def pin(c):
        servings.pin(c, versions.champion(c, "AAPL", "behavioral_cloner"), NOW, pinned=True, why="w", author="ana")

    desk.database.write(pin)
    served, _ = json_of(live.get("/api/v1/status"))["models"]
    assert served["pinned"] is True
    [entry, _] = json_of(live.get("/api/v1/models/1"))["servings"]
    assert (entry["action"], entry["decided_by"], entry["reason"]) == ("pin", "ana", "w")


def test_a_model_shows_its_evaluations_and_when_it_served(http):
    model = json_of(http.get("/api/v1/models/1"))
    assert model["evaluations"][0]["verdict"] == "takes_over"
    assert model["servings"][0]["reason"] == "nothing served here"


def test_reports_and_pictures_are_served_from_the_addresses_that_evaluations_name(http):
    evaluation = json_of(http.get("/api/v1/models/1"))["evaluations"][0]
    assert json_of(http.get(evaluation["report"])) == {"schema_version": 1}
    picture = http.get(evaluation["equity_chart"])
    assert (picture.headers["content-type"], picture.content) == ("image/png", PIXEL)


def test_the_page_of_a_report_may_load_and_run_nothing(http):
    evaluation = json_of(http.get("/api/v1/models/1"))["evaluations"][0]
    page = http.get(evaluation["report_page"])
    assert (page.headers["content-type"], page.text) == ("text/html; charset=utf-8", "<!doctype html>")
    policy = {part.strip() for part in page.headers["content-security-policy"].split(";")}
    assert {"default-src 'none'", "img-src data:", "sandbox", "frame-ancestors 'none'"} <= policy
    assert not any(part.startswith(("script-src", "connect-src")) for part in policy)
    assert page.headers["x-content-type-options"] == "nosniff"
    assert evaluation["comparison_page"] == "/api/v1/reports/evaluation-3/AAPL/model_comparison.html"
    assert http.get(evaluation["comparison_page"]).text == "<!doctype html>"


def test_a_report_that_was_tidied_away_has_no_address(desk, live):
    evaluation = json_of(live.get("/api/v1/models/1"))["evaluations"][0]
    for file in desk.home.results.rglob("*.*"):
        file.unlink()
    swept = json_of(live.get("/api/v1/models/1"))["evaluations"][0]
    assert {swept[name] for name in ("report", "report_page", "equity_chart", "comparison_page")} == {None}
    assert live.get(evaluation["report"]).status_code == 404


def test_alerts_are_listed_and_filtered(http):
    assert json_of(http.get("/api/v1/alerts"))["items"][0]["state"] == "firing"
    assert json_of(http.get("/api/v1/alerts?state=resolved"))["items"] == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/runs/99", "run.unknown"),
        ("/api/v1/runs/99/log", "run.unknown"),
        ("/api/v1/runs/99999999999999999999", "route.unknown"),
        ("/api/v1/runs/abc", "route.unknown"),
        ("/api/v1/models/99", "version.unknown"),
        ("/api/v1/signals/NOPE", "signals.unknown"),
        ("/api/v1/reports/evaluation-3/none.json", "report.unknown"),
        ("/api/v1/nothing", "route.unknown"),
        ("/api/v1/status/", "route.unknown"),
        ("/static/nothing.js", "route.unknown"),
        ("/docs", "route.unknown"),
    ],
)
def test_what_does_not_exist_is_a_problem_document(http, path, code):
    response = http.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["code"], problem["title"]) == (404, code, "Not Found")
    assert problem["cure"]


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/signals", "/", "/static/page.js"])
def test_an_unchanged_answer_is_not_sent_twice(http, path):
    first = http.get(path)
    unchanged = http.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (first.status_code, unchanged.status_code, unchanged.content) == (200, 304, b"")
    assert unchanged.headers["etag"] == first.headers["etag"]
    assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_etag_changes_with_the_content(desk, live):
    before = live.get("/api/v1/status").headers["etag"]
    desk.pause("backup", "test")
    assert live.get("/api/v1/status").headers["etag"] != before


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/status", "/api/v1/runs", "/"])
def test_head_is_get_without_its_body(http, path):
    head, get = http.head(path), http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


def test_every_response_carries_the_security_headers(http):
    for path in ("/", "/api/v1/status", "/api/v1/nothing", "/api/v1/runs?limit=0"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "cache-control" in headers
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_a_fault_of_our_own_shows_no_secret(desk, live, monkeypatch, caplog):
    monkeypatch.setattr(desk, "readiness", lambda: desk.home.root.joinpath("no such file").read_text())
    response = live.get("/readyz")
    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert str(desk.home.root) not in response.text
    assert "Traceback" not in response.text
    assert "FileNotFoundError" in caplog.text
