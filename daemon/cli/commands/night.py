"""Commands that set jobs to work: `run-once`, `train`, `evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from config.errors import UsageError
from config.paths import Home
from config.settings import JOBS, NIGHT, JobName
from daemon.cli.choices import Choices, choices
from daemon.cli.client import Client, running
from daemon.cli.follow import follow
from daemon.cli.model_flags import model_params
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter
from daemon.cli.reports import show_evaluation
from daemon.domain import runs
from trainers import registry

Symbols = Annotated[
    list[str] | None, typer.Option("--symbols", "--symbol", metavar="SYMBOL...", help="Only these; else the config's.")
]
ModelTypes = Annotated[
    list[str] | None, typer.Option("--model-type", "--model-types", metavar="NAME...", help="Only these model types.")
]
INTERRUPTED = 130
# The columns of the table of walks, and the keys of what stands in them.
WALK = {
    "bars": "provenance",
    "folds": "folds",
    "sharpe": "sharpe_ratio",
    "return %": "total_return",
    "drawdown %": "max_drawdown",
    "trades": "trades",
    "report": "report",
}
# What people call a job, besides its name.
NAMES: dict[str, tuple[JobName, ...]] = {"all": NIGHT, "data": ("data_update",)}


def run_once(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help=f"all (the whole night), data, or a job: {', '.join(JOBS)}.")],
) -> None:
    """Run a job, or the whole night, now, and wait for its end."""
    jobs: tuple[JobName, ...] = NAMES.get(job) or tuple(name for name in JOBS if name == job)
    if not jobs:
        raise UsageError("job.unknown", f"There is no job {job!r}.", f"Jobs: all, data, {', '.join(JOBS)}.")
    execute(choices(context), jobs, {})


def train(
    context: typer.Context,
    symbols: Symbols = None,
    model_types: ModelTypes = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Training steps, for model types that count them; over what the config says."),
    ] = None,
    continuous: Annotated[bool, typer.Option("--continuous", help="Train again and again until Ctrl-C.")] = False,
) -> None:
    """Pull new data, then train challengers on it."""
    global_options = choices(context)
    asked = (model_types or global_options.settings().model_types) if context.args or steps else ()
    params = model_params(context, asked) if context.args else None
    if steps:
        _warn_of_ignored_steps(asked, steps)
    options = _options(
        symbols=global_options.symbols(symbols), model_types=model_types, steps=steps, model_params=params
    )
    execute(global_options, ("data_update", "training"), options)
    while continuous:
        execute(global_options, ("data_update", "training"), options)


def _warn_of_ignored_steps(model_types: Iterable[str], steps: int) -> None:
    for name in model_types:
        if not registry.steps_params(name, steps):
            typer.echo(f"{name} counts no steps: --steps changes nothing of its training.", err=True)


def evaluate(
    context: typer.Context,
    symbols: Symbols = None,
    model_types: ModelTypes = None,
    create_plots: Annotated[  # noqa: ARG001 -- the seed's flag; here every report has its pictures
        bool, typer.Option("--create-plots", help="Accepted without effect: every report has its figures.")
    ] = True,
    walk_forward: Annotated[
        bool,
        typer.Option(
            "--walk-forward",
            help="Walk through the whole history instead: train on the past, test on what follows, repeatedly.",
        ),
    ] = False,
) -> None:
    """Judge champions and challengers on unseen bars, and compare all models of each symbol.

    Prints every metric of a single model (one symbol and one model type), and one line each of several.

    The pages report.html and model_comparison.html are in the folder of this run below results/.

    Exit code 0 if all were judged, 1 if some could not be, 2 for a wrong option, 5 if it took too long.
    """
    global_options = choices(context)
    job: JobName = "walk_forward" if walk_forward else "evaluation"
    execute(global_options, (job,), _options(symbols=global_options.symbols(symbols), model_types=model_types))


def _options(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}


def execute(global_options: Choices, jobs: tuple[JobName, ...], options: dict[str, Any]) -> None:
    """Run `jobs` one after the other, in the running desk or here, and end with their exit code."""
    client = running(global_options)
    ended = _in_the_desk(client, jobs, options) if client else _here(global_options, jobs, options)
    answer(
        {"runs": ended},
        as_json=global_options.json,
        render=lambda document: _show(document["runs"], global_options.home),
    )
    code = max(_exit_code(run["state"], whole_night=jobs == NIGHT) for run in ended)
    if code:
        raise typer.Exit(code)


def _exit_code(state: str, *, whole_night: bool) -> int:
    """In a whole night some jobs have little or nothing to do; one that was asked for by name should do all of it."""
    fine = {"succeeded", "partial", "skipped"} if whole_night else {"succeeded"}
    return 0 if state in fine else {"timed_out": 5, "cancelled": INTERRUPTED}.get(state, 1)


def _in_the_desk(client: Client, jobs: tuple[JobName, ...], options: dict[str, Any]) -> list[dict[str, Any]]:
    with reporter() as progress:
        return [follow(client, client.post(f"/jobs/{job}/run", options)["id"], progress.show) for job in jobs]


def _here(global_options: Choices, jobs: tuple[JobName, ...], options: dict[str, Any]) -> list[dict[str, Any]]:
    from daemon import bootstrap
    from daemon.api.answers import Run
    from daemon.api.views import progress as summary
    from daemon.domain.progress import RunProgress

    with reporter() as progress:

        def show(run: runs.Run, at_work: RunProgress | None) -> None:
            shown = summary(at_work)
            progress.show(run.name, shown.fraction if shown else None, shown.message if shown else run.state)

        ended = bootstrap.run_once(global_options.home, global_options.config, jobs, options, show)
    return [Run.model_validate(run).model_dump(mode="json") for run in ended]


def _show(runs: list[dict[str, Any]], home: Home) -> None:
    table("Runs", ["run", "state", "cause"], [[run["name"], run["state"], run["cause"]] for run in runs])
    for run in runs:
        detail = run["detail"] or {}
        if "verdicts" in detail:
            show_evaluation(home, detail)
        if walks := detail.get("walks"):
            rows = [[name, *(metrics.get(key) for key in WALK.values())] for name, metrics in walks.items()]
            table("Walk-forward", ["model", *WALK], rows)
        for note in (*_notes(detail), *_acceptance(run)):
            typer.echo(note)
        for subject, error in detail.get("failed", {}).items():
            typer.echo(f"{subject}: {error['message']} Cure: {error['cure']}", err=True)
        if "message" in detail:
            typer.echo(f"{detail['message']} Cure: {detail.get('cure', 'See its log.')}", err=True)


def _notes(detail: dict[str, Any]) -> Iterator[str]:
    """What a person should know of a run that went well: where data came from, and what of it was not used."""
    if sources := detail.get("sources"):
        yield f"{detail['new_rows']} new bars, from {', '.join(sources)}."
    if fallback := detail.get("fallback"):
        yield f"The sample market stands in for {', '.join(fallback['symbols'])}. {fallback['because']}"
    for symbol, refused in detail.get("quarantined", {}).items():
        yield f"{symbol}: refused bars, kept in data/quarantine: {_counts(refused)}."
    for model, issues in detail.get("issues", {}).items():
        for name, issue in issues.items():
            shown = _counts(issue) if isinstance(issue, dict) else issue
            yield f"{model}: not used of its data: {name.replace('_', ' ')}: {shown}."


def _acceptance(run: dict[str, Any]) -> Iterator[str]:
    """What came of a person's word that a rewritten history is right."""
    if "accept" not in run["options"] or run["state"] != "succeeded":
        return
    for symbol in run["options"]["symbols"]:
        if revision := (run["detail"] or {}).get("accepted", {}).get(symbol):
            gone = f", {revision['gone']} are gone" if revision["gone"] else ""
            yield (
                f"{symbol}: accepted. {revision['rows']} bars have other prices now, "
                f"by up to {revision['largest']:.3%}{gone}, from {revision['first']} to {revision['last']}. "
                f"The dataset before it is kept; see `data show {symbol}`."
            )
        else:
            yield f"{symbol}: nothing was to be accepted; the history of the source agrees with the stored bars."


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
