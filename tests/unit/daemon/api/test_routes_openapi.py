"""The API's description is complete enough to generate a client from."""

from __future__ import annotations

import re

import pytest

METHODS = {"get", "post"}


@pytest.fixture(scope="module")
def schema(http):
    return http.get("/api/v1/openapi.json").json()


@pytest.fixture(scope="module")
def operations(schema):
    return {(path, method): operation for path, item in schema["paths"].items() for method, operation in item.items()}


def test_every_address_of_the_issue_is_described(schema):
    assert set(schema["paths"]) == {
        "/healthz",
        "/readyz",
        "/api/v1/status",
        "/api/v1/signals",
        "/api/v1/signals/{subject}",
        "/api/v1/runs",
        "/api/v1/runs/{run_id}",
        "/api/v1/runs/{run_id}/log",
        "/api/v1/retrainings",
        "/api/v1/models",
        "/api/v1/models/{version_id}",
        "/api/v1/models/{subject}/{model_type}/{action}",
        "/api/v1/records",
        "/api/v1/datasets",
        "/api/v1/datasets/{dataset}",
        "/api/v1/datasets/{dataset}/health.png",
        "/api/v1/alerts",
        "/api/v1/alerts/retry",
        "/api/v1/alerts/{alert_id}/ack",
        "/api/v1/jobs",
        "/api/v1/jobs/{job}/run",
        "/api/v1/jobs/{job}/pause",
        "/api/v1/jobs/{job}/resume",
        "/api/v1/reports/{run}/{path}",
    }


def test_every_operation_has_a_name_of_its_own_and_a_sentence(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert all(operation["description"].endswith(".") for operation in operations.values())
    assert {method for _, method in operations} == METHODS


def test_every_answer_has_a_model(operations):
    for (path, method), operation in operations.items():
        for status, response in operation["responses"].items():
            if path.endswith(".png") and status == "200":
                assert set(response["content"]) == {"image/png"}
            elif path.startswith("/api/v1/reports/") and status == "200":
                assert set(response["content"]) == {"application/json", "image/png", "text/html"}
            elif status < "300":
                assert response["content"]["application/json"]["schema"]["$ref"], (path, method, status)


def test_every_error_is_a_problem_document(operations):
    for (path, method), operation in operations.items():
        errors = {status: response for status, response in operation["responses"].items() if status >= "400"}
        assert {"400", "401", "422", "500"} <= set(errors), (path, method)
        for response in errors.values():
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }, (path, method)


def test_writes_need_the_token_and_reads_of_others_the_token_or_a_session(operations):
    for (_, method), operation in operations.items():
        assert operation["security"] == ([{"token": []}] if method == "post" else [{}, {"token": []}, {"session": []}])


def test_every_reference_leads_somewhere(schema):
    schemas = schema["components"]["schemas"]
    references = set(re.findall(r"#/components/schemas/(\w+)", str(schema)))
    assert references <= set(schemas)
    assert set(schemas) <= references, "a model that no operation uses"


def test_real_answers_have_exactly_the_described_fields(http, schema):
    schemas = schema["components"]["schemas"]

    def check(value, described, place):
        if "$ref" in described:
            described = schemas[described["$ref"].rsplit("/", 1)[1]]
        if "anyOf" in described:
            matching = [option for option in described["anyOf"] if (option.get("type") == "null") == (value is None)]
            assert matching, place
            return check(value, matching[0], place)
        if described.get("type") == "array":
            for at, item in enumerate(value):
                check(item, described.get("items", {}), f"{place}/{at}")
        elif "properties" in described:
            assert set(value) == set(described["properties"]), place
            for name, item in value.items():
                check(item, described["properties"][name], f"{place}/{name}")
        return None

    for path in ("status", "signals", "signals/AAPL", "runs", "runs/6", "models", "models/1", "alerts", "jobs"):
        template = re.sub(r"^signals/.*", "signals/{subject}", path)
        template = template.replace("runs/6", "runs/{run_id}").replace("models/1", "models/{version_id}")
        responses = schema["paths"][f"/api/v1/{template}"]["get"]["responses"]
        check(http.get(f"/api/v1/{path}").json(), responses["200"]["content"]["application/json"]["schema"], path)
