"""Commands that only look: `status`, `health`, `signals`, `models`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from config.errors import UsageError
from daemon.api.answers import (
    ChannelQueue,
    MissingSignal,
    ModelVersion,
    ModelVersionFacts,
    ModelVersionPage,
    Signal,
    Status,
)
from daemon.cli.choices import Choices, choices
from daemon.cli.client import ask_health, running
from daemon.cli.follow import follow
from daemon.cli.output import answer, moment, table
from daemon.cli.progress import reporter
from daemon.cli.reading import reader
from daemon.domain.options import RunOptions
from daemon.domain.signals import TargetRequest
from evaluation.labels import why
from evaluation.records.figures import RecordFigures

MODEL_COLUMNS = ["subject", "model type", "champion", "standing", "sharpe", "drawdown %", "signal", "as of", ""]


def status(context: typer.Context) -> None:
    """The whole desk at a glance: problems with their cures, models, signals, jobs, alerts."""
    global_options = choices(context)
    with reader(global_options) as records:
        document = records.get("/status")
    answer(document, as_json=global_options.json, render=lambda _: _show_status(Status.model_validate(document)))


def health(context: typer.Context) -> None:
    """Whether the desk of this home answers, at its own port; exit code 3 if not. For health checks of containers."""
    global_options = choices(context)
    answer(
        ask_health(global_options.home),
        as_json=global_options.json,
        render=lambda document: typer.echo(document["status"]),
    )


def _show_status(status: Status) -> None:
    now = datetime.now(UTC)
    condition = status.health.message if status.health.state == "ok" else status.health.title
    if "desk.not_running" in status.problems:
        condition = "not running; this is what it recorded"
    typer.echo(f"Nightdesk {status.version}: {condition}")
    for line in _problem_lines(status):
        typer.echo(line)
    for note in filter(None, [status.provenance_note, *status.notices]):
        typer.echo(note)
    for line in _backup_lines(status, now):
        typer.echo(line)
    for title, columns, rows in (
        ("Models", MODEL_COLUMNS, _models(status)),
        ("Jobs", ["job", "schedule", "next", "last", "ended"], _jobs(status, now)),
        ("Running", ["run", "state", "progress"], _running(status)),
        ("Open alerts", ["state", "rule", "subject", "message"], _alerts(status)),
    ):
        typer.echo()
        table(title, columns, rows)
        if title == "Open alerts":
            _show_undelivered(status)
        if title == "Models":
            for line in _missing_lines(status.missing_signals):
                typer.echo(line)


def _show_undelivered(status: Status) -> None:
    """The channels with messages that did not arrive."""
    queues = [queue for queue in status.channels if queue.waiting or queue.dead]
    if queues:
        typer.echo()
        show_channels(queues)


def show_channels(queues: Sequence[ChannelQueue]) -> None:
    """What waits for each channel, and its dead letters."""
    columns = ["channel", "waiting", "since", "dead letters", "since", "last error"]
    rows = [
        [
            queue.channel,
            queue.waiting,
            moment(queue.oldest_waiting_at),
            queue.dead,
            moment(queue.oldest_dead_at),
            queue.last_error,
        ]
        for queue in queues
    ]
    table("Channels", columns, rows)


def _problem_lines(status: Status) -> Iterator[str]:
    """Every problem with its cure, the worst first."""
    for condition in status.conditions:
        yield f"{condition.state.capitalize()}: {condition.message}"
        yield f"  Cure: {condition.cure}"


def _backup_lines(status: Status, now: datetime) -> Iterator[str]:
    """When a desk was last restored from a backup, for each of the two losses that there can be."""
    home, loss = status.backups.proven_for_the_home, status.backups.proven_for_its_loss
    nowhere = "never" if status.backups.places else "never, no place outside it is configured (`backup.to`)"
    yield f"Last proven restorable: the home, {moment(home, now) or 'never'}; its loss, {moment(loss, now) or nowhere}"


def _models(status: Status) -> Iterator[list[Any]]:
    for model in status.models:
        figures, signal = model.record.figures if model.record else None, model.signal
        account = figures if isinstance(figures, RecordFigures) else None
        yield [
            model.subject,
            model.model_type,
            model.champion,
            model.record.standing if model.record else None,
            account.sharpe_ratio if account else None,
            account.max_drawdown if account else None,
            ("stale" if signal.stale else signal.action) if signal else None,
            moment(signal.as_of) if signal else None,
            model.badge or "",
        ]


def _jobs(status: Status, now: datetime) -> Iterator[list[Any]]:
    for job in status.jobs:
        last = job.last_run
        upcoming = "paused" if job.paused else moment(job.next_run, now)
        yield [
            job.job,
            job.schedule,
            upcoming,
            last.state if last else None,
            moment(last.finished_at, now) if last else None,
        ]


def _running(status: Status) -> Iterator[list[Any]]:
    for run in status.running:
        yield [run.name, run.state, run.progress.message if run.progress else None]


def _alerts(status: Status) -> Iterator[list[Any]]:
    for alert in status.alerts:
        yield [alert.state, alert.rule, alert.subject, alert.message]


def signals(
    context: typer.Context,
    symbol: Annotated[
        str | None, typer.Argument(help="Only this symbol, or other subject, with earlier signals.")
    ] = None,
    target_return: Annotated[
        float | None,
        typer.Option("--target-return", help="Those of a trader's model for this return, such as 0.02."),
    ] = None,
) -> None:
    """The newest signal of every subject, symbol and model type; expired ones are marked stale."""
    global_options = choices(context)
    if target_return is not None:
        if symbol is None:
            raise UsageError("signals.target", "A target return needs a trader.", "Name it: trader:0x6031.")
        _make(global_options, TargetRequest(subject=symbol, target_return=_checked(target_return)))
    path = "/signals" if symbol is None else f"/signals/{_quoted(global_options.symbol(symbol))}"
    with reader(global_options) as records:
        document = records.get(path, target_return=target_return)
    answer(
        document,
        as_json=global_options.json,
        render=lambda document: _show_signals(
            [Signal.model_validate(item) for item in document["items"]],
            [MissingSignal.model_validate(item) for item in document["missing"]],
        ),
    )


def _checked(target_return: float) -> float:
    if -1.0 <= target_return <= 100.0:
        return target_return
    raise UsageError("signals.target", f"{target_return} is no return to ask for.", "Give one from -1 to 100, as 0.02.")


def _make(global_options: Choices, asked: TargetRequest) -> None:
    """Let the running desk make the signals of this return, unless it has them; without a desk they are made here."""
    client = running(global_options)
    with reporter() as progress:
        if client is not None:
            answered = client.get(f"/signals/{_quoted(asked.subject)}", target_return=asked.target_return)
            if "job" in answered:
                follow(client, answered["id"], progress.show)
            return
    from daemon.cli.commands.night import run_jobs

    run_jobs(global_options, ("signals",), RunOptions(target=asked))


def _show_signals(signals: Sequence[Signal], missing: Sequence[MissingSignal]) -> None:
    columns = [
        "symbol",
        "model type",
        "action",
        "position",
        "confidence",
        "price",
        "as of",
        "act by",
        "standing",
        "version",
        "provenance",
        "",
    ]
    rows = [
        [
            _signal_label(signal) + (f" for {signal.target_return:g}" if signal.target_return is not None else ""),
            signal.model_type,
            signal.action,
            signal.position,
            signal.confidence,
            signal.price,
            moment(signal.as_of),
            moment(signal.act_by),
            signal.standing,
            signal.version,
            signal.provenance,
            _marks(signal),
        ]
        for signal in signals
    ]
    table("Signals", columns, rows)
    for sentence in dict.fromkeys(f"{_signal_label(s)} {s.model_type}: {s.standing}. {s.sentence}" for s in signals):
        typer.echo(sentence)
    for signal in signals:
        if signal.remark:
            typer.echo(f"{_signal_label(signal)} {signal.model_type}: {signal.remark}")
    for line in _missing_lines(missing):
        typer.echo(line)
    if not rows and not missing:
        typer.echo(
            "No model serves yet: `nightdesk models` lists what was trained, `nightdesk models ID` says why not."
        )


def _marks(signal: Signal) -> str:
    """What a reader must not overlook: that it has expired, that something of it is made up."""
    return ", ".join(filter(None, ("stale" if signal.stale else None, signal.badge)))


def _missing_lines(missing: Sequence[MissingSignal]) -> Iterator[str]:
    """The champions without a current signal, each with its reason and cure."""
    for signal in missing:
        model = f"{signal.subject} {signal.model_type} {signal.version}"
        yield f"{model} serves, but has no current signal: {signal.message}"
        yield f"  Cure: {signal.cure}"


def _signal_label(signal: Signal) -> str:
    """The symbol, after the subject where that is more than the symbol."""
    return signal.symbol if signal.subject == signal.symbol else f"{signal.subject}: {signal.symbol}"


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
            document = records.get(f"/models/{version}")
        else:
            subject = global_options.symbol(symbol) if symbol else None
            document = records.get("/models", subject=subject, model_type=model_type, limit=limit)
    answer(document, as_json=global_options.json, render=_show_models if version is None else _show_model)


def _show_models(document: Any) -> None:
    _model_table(ModelVersionPage.model_validate(document).items)


def _model_table(versions: Sequence[ModelVersion]) -> None:
    columns = ["id", "subject", "model type", "version", "state", "trained", "data until", "provenance", ""]
    rows = [
        [
            version.id,
            version.subject,
            version.model_type,
            version.version,
            _state(version),
            moment(version.trained_at),
            moment(version.train_end),
            version.provenance,
            version.badge or "",
        ]
        for version in versions
    ]
    table("Models", columns, rows)


def _state(version: ModelVersion) -> str:
    """Its state; a champion of what is no longer configured does not serve."""
    return "champion, not in the config" if version.state == "champion" and not version.serves else version.state


def _show_model(document: Any) -> None:
    version = ModelVersionFacts.model_validate(document)
    _model_table([version])
    evaluations = [
        [
            moment(evaluation.evaluated_at),
            evaluation.verdict,
            ", ".join(map(why, evaluation.reasons)),
            evaluation.metrics.get("sharpe_ratio"),
            evaluation.metrics.get("max_drawdown"),
        ]
        for evaluation in version.evaluations
    ]
    servings = [[moment(serving.serving_from), serving.reason, serving.decided_by] for serving in version.servings]
    typer.echo()
    table("Evaluations", ["when", "verdict", "reasons", "sharpe", "drawdown %"], evaluations)
    typer.echo()
    table("Served", ["from", "reason", "decided by"], servings)


def _quoted(symbol: str) -> str:
    from urllib.parse import quote

    return quote(symbol, safe="")
