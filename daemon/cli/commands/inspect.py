"""Commands that only look: `status`, `health`, `signals`, `models`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import typer

from daemon.cli.choices import Choices, choices
from daemon.cli.client import ask_health, running
from daemon.cli.output import answer, moment, table
from evaluation.labels import why


class Reader(Protocol):
    """Whoever can answer: the running desk, or its records."""

    def get(self, path: str, **query: Any) -> Any:
        """The JSON document at `path` below /api/v1."""


@contextmanager
def reader(global_options: Choices) -> Iterator[Reader]:
    """The running desk if there is one, else its records."""
    client = running(global_options)
    if client is not None:
        yield client
        return
    from daemon.cli.offline import records

    with records(global_options) as offline:
        yield offline


def status(context: typer.Context) -> None:
    """The whole desk at a glance: problems with their cures, models, signals, jobs, alerts."""
    global_options = choices(context)
    with reader(global_options) as records:
        answer(records.get("/status"), as_json=global_options.json, render=_show_status)


def health(context: typer.Context) -> None:
    """Whether the desk of this home answers, at its own port; exit code 3 if not. For health checks of containers."""
    global_options = choices(context)
    answer(
        ask_health(global_options.home),
        as_json=global_options.json,
        render=lambda document: typer.echo(document["status"]),
    )


def _show_status(document: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    health = document["health"]
    offline = "desk.not_running" in document["problems"]
    state = health["message"] if health["state"] == "ok" else health["title"]
    state = "not running; this is what it recorded" if offline else state
    typer.echo(f"Nightdesk {document['version']}: {state}")
    for line in _problem_lines(document):
        typer.echo(line)
    for note in filter(None, [document["provenance_note"], *document["notices"]]):
        typer.echo(note)
    for title, columns, rows in (
        (
            "Models",
            ["subject", "model type", "champion", "sharpe", "drawdown %", "signal", "as of", ""],
            _models(document),
        ),
        ("Jobs", ["job", "schedule", "next", "last", "ended"], _jobs(document, now)),
        ("At work", ["run", "state", "progress"], _active(document)),
        ("Open alerts", ["state", "rule", "about", "message"], _alerts(document)),
    ):
        typer.echo()
        table(title, columns, rows)
        if title == "Models":
            for line in _missing_lines(document["missing_signals"]):
                typer.echo(line)


def _problem_lines(document: dict[str, Any]) -> Iterator[str]:
    """All that is amiss with its cure, the worst first."""
    for condition in document["conditions"]:
        yield f"{condition['state'].capitalize()}: {condition['message']}"
        yield f"  Cure: {condition['cure']}"


def _models(document: dict[str, Any]) -> Iterator[list[Any]]:
    for model in document["models"]:
        metrics = (model["evaluation"] or {}).get("metrics", {})
        signal = model["signal"] or {}
        action = "stale" if signal.get("stale") else signal.get("action")
        yield [
            model["subject"],
            model["model_type"],
            model["champion"],
            metrics.get("sharpe_ratio"),
            metrics.get("max_drawdown"),
            action,
            moment(signal.get("as_of")),
            model["badge"] or "",
        ]


def _jobs(document: dict[str, Any], now: datetime) -> Iterator[list[Any]]:
    for job in document["jobs"]:
        last = job["last_run"] or {}
        upcoming = "paused" if job["paused"] else moment(job["next_run"], now)
        yield [job["job"], job["schedule"], upcoming, last.get("state"), moment(last.get("finished_at"), now)]


def _active(document: dict[str, Any]) -> Iterator[list[Any]]:
    for run in document["running"]:
        yield [run["name"], run["state"], (run["progress"] or {}).get("message")]


def _alerts(document: dict[str, Any]) -> Iterator[list[Any]]:
    for alert in document["alerts"]:
        yield [alert["state"], alert["rule"], alert["subject"], alert["message"]]


def signals(
    context: typer.Context,
    symbol: Annotated[
        str | None, typer.Argument(help="Only this symbol, or other subject, with earlier signals.")
    ] = None,
) -> None:
    """The newest signal of every subject, symbol and model type; expired ones are marked stale."""
    global_options = choices(context)
    with reader(global_options) as records:
        document = records.get("/signals" if symbol is None else f"/signals/{_quoted(global_options.symbol(symbol))}")
    answer(document, as_json=global_options.json, render=_show_signals)


def _show_signals(document: dict[str, Any]) -> None:
    columns = [
        "symbol",
        "model type",
        "action",
        "position",
        "confidence",
        "price",
        "as of",
        "act by",
        "version",
        "provenance",
        "",
    ]
    rows = [
        [
            _signal_label(signal),
            signal["model_type"],
            signal["action"],
            signal["position"],
            signal["confidence"],
            signal["price"],
            moment(signal["as_of"]),
            moment(signal["act_by"]),
            signal["version"],
            signal["provenance"],
            _marks(signal),
        ]
        for signal in document["items"]
    ]
    table("Signals", columns, rows)
    for line in _missing_lines(document["missing"]):
        typer.echo(line)
    if not rows and not document["missing"]:
        typer.echo(
            "No model serves yet: `nightdesk models` lists what was trained, `nightdesk models ID` says why not."
        )


def _marks(signal: dict[str, Any]) -> str:
    """What a reader must not overlook: that it has expired, that something of it is made up."""
    return ", ".join(filter(None, ("stale" if signal["stale"] else None, signal["badge"])))


def _missing_lines(missing: list[dict[str, Any]]) -> Iterator[str]:
    """The champions without a current signal, each with its reason and cure."""
    for each in missing:
        model = f"{each['subject']} {each['model_type']} {each['version']}"
        yield f"{model} serves, but has no current signal: {each['message']}"
        yield f"  Cure: {each['cure']}"


def _signal_label(signal: dict[str, Any]) -> str:
    """The symbol, after the subject where that is more than the symbol."""
    subject, symbol = signal["subject"], signal["symbol"]
    return str(symbol) if subject == symbol else f"{subject}: {symbol}"


def models(
    context: typer.Context,
    version: Annotated[int | None, typer.Argument(min=1, help="Id of one version, for its details.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, or other subject.")] = None,
    model_type: Annotated[str | None, typer.Option("--model-type", help="Only this model type.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 50,
) -> None:
    """Model versions, newest first; or one of them with its evaluations and its times as champion."""
    global_options = choices(context)
    with reader(global_options) as records:
        if version is not None:
            answer(records.get(f"/models/{version}"), as_json=global_options.json, render=_show_model)
        else:
            subject = global_options.symbol(symbol) if symbol else None
            document = records.get("/models", subject=subject, model_type=model_type, limit=limit)
            answer(document, as_json=global_options.json, render=_show_models)


def _show_models(document: dict[str, Any]) -> None:
    columns = ["id", "subject", "model type", "version", "state", "trained", "data until", "provenance", ""]
    rows = [
        [
            model["id"],
            model["subject"],
            model["model_type"],
            model["version"],
            _state(model),
            moment(model["trained_at"]),
            moment(model["train_end"]),
            model["provenance"],
            model["badge"] or "",
        ]
        for model in document["items"]
    ]
    table("Models", columns, rows)


def _state(model: dict[str, Any]) -> str:
    """Its state; a champion of what is no longer configured does not serve."""
    state = str(model["state"])
    return "champion, not in the config" if state == "champion" and not model["serves"] else state


def _show_model(model: dict[str, Any]) -> None:
    _show_models({"items": [model]})
    judged = [
        [
            moment(row["evaluated_at"]),
            row["verdict"],
            ", ".join(why(code, row["verdict"]) for code in row["reasons"]),
            row["metrics"].get("sharpe_ratio"),
            row["metrics"].get("max_drawdown"),
        ]
        for row in model["evaluations"]
    ]
    served = [[moment(row["serving_from"]), row["why"], row["who"]] for row in model["servings"]]
    typer.echo()
    table("Evaluations", ["when", "verdict", "reasons", "sharpe", "drawdown %"], judged)
    typer.echo()
    table("Served", ["from", "why", "by"], served)


def _quoted(symbol: str) -> str:
    from urllib.parse import quote

    return quote(symbol, safe="")
