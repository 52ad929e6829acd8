"""A query parameter that means nothing here is an error."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("runs?status=failed", ["query/status"]),
        ("signals?symbol=AAPL", ["query/symbol"]),
        ("status?x", ["query/x"]),
        ("models?symbol=AAPL", ["query/symbol"]),
        ("runs?limit=1&limit=2", ["query/limit"]),
        ("runs?a=1&b=2", ["query/a", "query/b"]),
        ("runs/1?state=failed", ["query/state"]),
        ("models?subject=%3Cb%3E", ["query/subject"]),
        ("models?subject=../etc", ["query/subject"]),
        ("models?subject=", ["query/subject"]),
    ],
)
def test_an_unknown_or_unusable_parameter_is_refused_by_its_name(http, query, pointers):
    response = http.get(f"/api/v1/{query}")
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [fault["pointer"] for fault in response.json()["errors"]] == pointers


def test_the_refusal_lists_what_there_is(http):
    detail = http.get("/api/v1/runs?status=failed").json()["detail"]
    assert "query/status: unknown; this address takes cursor, job, limit, state" in detail
    assert "takes no parameters" in http.get("/api/v1/jobs?x=1").json()["detail"]


def test_what_is_known_is_taken_and_health_takes_anything(http):
    assert http.get("/api/v1/runs?job=training&state=running&limit=5&cursor=100").status_code == 200
    assert http.get("/api/v1/models?subject=AAPL").json()["items"]
    assert http.get("/healthz?time=1").status_code == 200
    assert http.get("/?from=bookmark").status_code == 200


def test_every_parameter_of_a_query_has_its_limits_in_the_description(http):
    for item in http.get("/api/v1/openapi.json").json()["paths"].values():
        for parameter in item.get("get", {}).get("parameters", []):
            schema = parameter["schema"]
            (kind,) = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
            assert kind.keys() & {"enum", "pattern", "maximum", "$ref"} or parameter["name"] in ("run", "path"), (
                parameter
            )
