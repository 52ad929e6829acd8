"""What a person may ask for, and what the door lets through."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.secrets import Secret
from config.settings import Api
from daemon.alerts.rules import event
from daemon.api.access import check_bind
from daemon.domain.options import RunOptions
from daemon.store import alerts, outbox
from daemon.store.faults import fault
from tests.support.desks.fake_desk import NOW
from tests.support.servers.http import BEARER, client, serving


def refused(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    return response.json()


def test_a_job_is_started_at_once_and_its_run_is_answered(desk, live):
    response = live.post("/api/v1/jobs/maintenance/run", headers=BEARER)
    assert response.status_code == 202
    run = response.json()
    assert (run["job"], run["state"], run["trigger"]) == ("maintenance", "due", "manual")
    assert live.get(response.headers["location"]).json()["id"] == run["id"]
    assert desk.requested == [("maintenance", RunOptions(), "api")]


def test_a_run_can_be_limited_to_symbols_and_steps(desk, live):
    body = {"symbols": ["AAPL"], "model_types": ["behavioral_cloner"], "steps": 100}
    run = live.post("/api/v1/jobs/evaluation/run", headers=BEARER, json=body).json()
    assert run["options"] == body
    assert desk.requested == [("evaluation", RunOptions(**body), "api")]


def test_what_a_person_orders_to_serve_is_a_run_of_promotion(desk, live):
    body = {"version": "v1", "reason": "It is better.", "author": "ana"}
    response = live.post("/api/v1/models/AAPL/behavioral_cloner/promote", headers=BEARER, json=body)
    assert response.status_code == 202
    assert response.json()["job"] == "promotion"
    assert live.get(response.headers["location"]).json()["id"] == response.json()["id"]
    order = {"action": "promote", "subject": "AAPL", "model_type": "behavioral_cloner", **body}
    assert desk.requested == [("promotion", RunOptions.of(order=order), "ana")]


@pytest.mark.parametrize("action", ["rollback", "pin", "unpin"])
def test_other_orders_need_no_body(desk, live, action):
    response = live.post(f"/api/v1/models/trader:0x6031/ppo/{action}", headers=BEARER)
    assert response.status_code == 202
    order = {"action": action, "subject": "trader:0x6031", "model_type": "ppo"}
    assert desk.requested == [("promotion", RunOptions.of(order=order), "api")]


@pytest.mark.parametrize(("action", "body"), [("promote", {}), ("unpin", {"version": "v1"}), ("pin", {"who": "ana"})])
def test_an_order_that_cannot_be_understood_is_refused(desk, live, action, body):
    response = live.post(f"/api/v1/models/AAPL/ppo/{action}", headers=BEARER, json=body)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert desk.requested == []


def test_a_job_at_work_is_not_started_twice(live):
    refused(live.post("/api/v1/jobs/training/run", headers=BEARER), 409, "run.overlap")


def test_pause_and_resume_show_in_the_job_and_in_the_status(live):
    for verb, paused in (("pause", True), ("pause", True), ("resume", False)):
        response = live.post(f"/api/v1/jobs/training/{verb}", headers=BEARER)
        assert (response.status_code, response.json()["paused"]) == (202, paused)
        jobs = {job["job"]: job for job in live.get("/api/v1/status").json()["jobs"]}
        assert jobs["training"]["paused"] is paused


def test_a_full_disk_is_answered_with_507(desk, live, monkeypatch):
    def full(*_):
        raise fault("store.disk_full", "database or disk is full")

    monkeypatch.setattr(desk, "pause", full)
    problem = refused(live.post("/api/v1/jobs/training/pause", headers=BEARER), 507, "store.disk_full")
    assert "Free space" in problem["cure"]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", "Basic {token}", "Bearer {token}x", "{token}", "Bearer \xe9"],
)
def test_a_write_without_the_right_token_is_refused(http, authorization):
    token = BEARER["Authorization"].removeprefix("Bearer ")
    headers = {} if authorization is None else {"Authorization": authorization.format(token=token).encode("latin-1")}
    response = http.post("/api/v1/jobs/backup/run", headers=headers)
    refused(response, 401, "request.token")
    assert response.headers["www-authenticate"] == "Bearer"


def test_the_scheme_of_the_token_may_be_written_in_any_case(live):
    headers = {"Authorization": BEARER["Authorization"].replace("Bearer", "bearer")}
    assert live.post("/api/v1/jobs/backup/pause", headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"symbols": "AAPL"}, "body/symbols"),
        ({"symbols": []}, "body/symbols"),
        ({"symbols": ["../etc"]}, "body/symbols/0"),
        ({"steps": "10"}, "body/steps"),
        ({"steps": 0}, "body/steps"),
        ({"colour": "red"}, "body/colour"),
        ({"accept": {"author": "anna"}}, "body"),
        ({"symbols": ["AAPL"], "accept": {"author": ""}}, "body/accept/author"),
        ([], "body"),
    ],
)
def test_a_wrong_body_is_refused_with_its_pointer(http, body, message):
    problem = refused(http.post("/api/v1/jobs/backup/run", headers=BEARER, json=body), 422, "request.invalid")
    assert [fault["pointer"] for fault in problem["errors"]] == [message]


@pytest.mark.parametrize("job", ["cooking", "training%2Frun", "TRAINING"])
def test_an_unknown_job_does_not_exist(http, job):
    refused(http.post(f"/api/v1/jobs/{job}/run", headers=BEARER), 404, "route.unknown")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_an_address_does_not_take_is_named(http, method):
    response = http.request(method, "/api/v1/status", headers=BEARER)
    refused(response, 405, "route.method")
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("host", "token"),
    [
        ("127.0.0.1", None),
        ("127.1.2.3", None),
        ("::1", None),
        ("localhost", Secret("x" * 32)),
        ("0.0.0.0", Secret("x" * 32)),
        ("desk.example", Secret("x" * 43)),
    ],
)
def test_a_safe_bind_is_allowed(host, token):
    check_bind(Api(host=host), token)  # it raises for an unsafe bind, see the next test


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "desk.example", "localhost.evil.example"])
def test_a_bind_that_others_can_reach_needs_a_token(host):
    with pytest.raises(ConfigError) as refusal:
        check_bind(Api(host=host), None)
    assert refusal.value.code == "api.token_required"
    assert host in refusal.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "desk.example"])
@pytest.mark.parametrize("token", ["", "short", "x" * 31, "é" * 16])
def test_a_short_token_is_refused_everywhere_with_the_way_to_make_one(host, token):
    with pytest.raises(ConfigError) as refusal:
        check_bind(Api(host=host), Secret(token))
    assert refusal.value.code == "api.token_short"
    assert f"{len(token)} characters" in refusal.value.message
    assert "openssl rand -hex 32" in refusal.value.cure
    assert not token or token not in str(refusal.value)


@pytest.mark.parametrize("token", ["é" * 32, "two words " * 4, "x" * 32 + "\n1"])
def test_a_token_that_no_header_carries_is_refused(token):
    with pytest.raises(ConfigError) as refusal:
        check_bind(Api(), Secret(token))
    assert refusal.value.code == "api.token_characters"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8642", "desk.example", "localhost."])
def test_the_names_of_the_desk_are_answered(desk, host):
    with serving(desk, Api(port=0, allowed_hosts=("Desk.Example",))) as url, client(url) as http:
        assert http.get("/healthz", headers={"Host": host}).status_code == 200


def dead_letter(desk, job="training"):
    """A notification to the log that was given up."""
    observation = event("run.failed", job, "It failed.", "Look.")
    desk.database.write(lambda c: alerts.observe(c, observation, desk.settings, desk.clock.now()))
    delivery = desk.database.read(lambda c: outbox.pending(c, desk.clock.now(), ["log"]))[-1]
    desk.database.write(lambda c: outbox.block(c, delivery, "notify.blocked", "It answered 422."))
    return delivery


def test_dead_letters_are_counted_in_the_status_and_sent_again_when_asked(desk, live):
    dead = dead_letter(desk)
    (queue,) = live.get("/api/v1/status").json()["channels"]
    assert (queue["channel"], queue["waiting"], queue["dead"], queue["last_error"]) == ("log", 0, 1, "It answered 422.")
    assert live.post("/api/v1/alerts/retry").status_code == 401
    response = live.post("/api/v1/alerts/retry", headers=BEARER, json={"channel": "log"})
    assert (response.status_code, response.json()) == (202, {"retried": 1})
    assert live.post("/api/v1/alerts/retry", headers=BEARER).json() == {"retried": 0}
    (queue,) = live.get("/api/v1/status").json()["channels"]
    assert (queue["waiting"], queue["dead"]) == (1, 0)
    assert [row.key for row in desk.database.read(lambda c: outbox.pending(c, NOW, ["log"]))] == [dead.key]


def test_only_a_channel_in_use_can_be_asked_to_send_again(desk, live):
    dead_letter(desk)
    problem = refused(
        live.post("/api/v1/alerts/retry", headers=BEARER, json={"channel": "pager"}), 404, "channel.unknown"
    )
    assert "Name one of: log" in problem["cure"]
    assert live.post("/api/v1/alerts/retry", headers=BEARER, json={"chanel": "log"}).status_code == 422
    assert live.get("/api/v1/status").json()["channels"][0]["dead"] == 1
