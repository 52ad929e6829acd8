"""Commands that start jobs: `run-once`, `train`, `evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from config.errors import UsageError
from config.paths import Home
from config.settings import JOBS, NIGHT, JobName
from daemon.api.answers import Run
from daemon.cli.choices import Choices, choices
from daemon.cli.client import Client, running
from daemon.cli.follow import follow
from daemon.cli.model_flags import model_params
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter
from daemon.cli.reports import show_evaluation
from daemon.domain import runs
from daemon.domain.options import RunOptions
from daemon.domain.tasks import Document, as_object
from trainers import registry

Symbols = Annotated[
    list[str] | None, typer.Option("--symbols", "--symbol", metavar="SYMBOL...", help="Only these; else the config's.")
]
ModelTypes = Annotated[
    list[str] | None, typer.Option("--model-type", "--model-types", metavar="NAME...", help="Only these model types.")
]
INTERRUPTED = 130
# Other names for jobs.
NAMES: dict[str, tuple[JobName, ...]] = {"all": NIGHT, "data": ("data_update",)}


def run_once(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help=f"all (the whole night), data, or a job: {', '.join(JOBS)}.")],
) -> None:
    """Run a job, or the whole night, now, and wait for its end."""
    jobs: tuple[JobName, ...] = NAMES.get(job) or tuple(name for name in JOBS if name == job)
    if not jobs:
        raise UsageError("job.unknown", f"There is no job {job!r}.", f"Jobs: all, data, {', '.join(JOBS)}.")
    execute(choices(context), jobs, RunOptions())


def train(
    context: typer.Context,
    symbols: Symbols = None,
    model_types: ModelTypes = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Training steps, for model types that count them; over what the config says."),
    ] = None,
    continuous: Annotated[bool, typer.Option("--continuous", help="Repeat until Ctrl-C.")] = False,
    trades: Annotated[
        str | None,
        typer.Option(
            "--trades", "--data_dir", "--data-dir", metavar="PLACE", help="Pull traders' logs from here first."
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output_dir",
            "--output-dir",
            "--output",
            help="Folder that the trained network is copied to as best_model.pt; with --dataset as policy_best.pt.",
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(help="Train on this npz file of decisions alone, outside the desk: nothing is pulled or served."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where networks train: auto, cpu or cuda.")] = None,
) -> None:
    """Pull new data, then train challengers on it. With --dataset, train on a file of decisions instead."""
    global_options = choices(context)
    if dataset is not None and (symbols or trades or steps or continuous):
        raise UsageError(
            "option.with_dataset",
            "--dataset trains on one file, without symbols, trades, steps or repetition.",
            "Leave these options out; --epochs says how long to train.",
        )
    trained = (model_types or global_options.settings().model_types) if context.args or steps else ()
    params = model_params(context, trained) if context.args else None
    if dataset is not None:
        from daemon.cli.commands.dataset import train_on_dataset

        train_on_dataset(global_options, model_types or (), params or {}, dataset, output_dir, device)
        return
    if steps:
        _warn_of_ignored_steps(trained, steps)
    options = RunOptions.of(
        symbols=global_options.symbols(symbols) or None,
        model_types=model_types or None,
        steps=steps,
        model_params=params or None,
        device=device,
    )
    if trades is not None:
        from daemon.cli.commands.trades import pull_and_make

        pull_and_make(global_options, trades)
    jobs: tuple[JobName, ...] = ("data_update", "training")
    if trades is not None and all(registry.needs(name).scope == "trader" for name in model_types or ()) and model_types:
        jobs = ("training",)  # what it learns from is here now, and no symbol's bars are
    while True:
        execute(global_options, jobs, options, output_dir)
        if not continuous:
            break


def _warn_of_ignored_steps(model_types: Iterable[str], steps: int) -> None:
    for name in model_types:
        if not registry.steps_params(name, steps):
            typer.echo(f"{name} counts no steps: --steps changes nothing of its training.", err=True)


def evaluate(
    context: typer.Context,
    symbols: Symbols = None,
    model_types: ModelTypes = None,
    create_plots: Annotated[  # noqa: ARG001 -- a flag of the owner's scripts; every report has its figures
        bool, typer.Option("--create-plots", help="Accepted without effect: every report has its figures.")
    ] = True,
    walk_forward: Annotated[
        bool,
        typer.Option(
            "--walk-forward",
            help="Compute every fold of the records instead: train on the past, test on what follows, repeatedly.",
        ),
    ] = False,
) -> None:
    """Judge recipes by their records, let sound versions serve, and compare all models of each symbol.

    Prints every metric of a single model (one symbol and one model type), and one line each of several.

    The pages report.html and model_comparison.html are in the folder of this run below results/.

    Exit code 0 if all were judged, 1 if some could not be, 2 for a wrong option, 5 if it took too long.
    """
    global_options = choices(context)
    job: JobName = "records" if walk_forward else "evaluation"
    options = RunOptions.of(symbols=global_options.symbols(symbols) or None, model_types=model_types or None)
    execute(global_options, (job,), options)


def execute(
    global_options: Choices, jobs: tuple[JobName, ...], options: RunOptions, networks: Path | None = None
) -> None:
    """Run `jobs` one after the other, in the running desk or here, and end with their exit code.

    With a folder for `networks`, those that the runs have trained are copied there.
    """
    documents, ended = run_jobs(global_options, jobs, options)
    if networks is not None:
        from daemon.cli.commands.networks import copy_networks

        copy_networks(global_options, ended, networks)
    answer({"runs": documents}, as_json=global_options.json, render=lambda _: show_runs(ended, global_options.home))
    code = max(exit_code(run.state, whole_night=jobs == NIGHT) for run in ended)
    if code:
        raise typer.Exit(code)


def run_jobs(
    global_options: Choices, jobs: tuple[JobName, ...], options: RunOptions
) -> tuple[list[Document], list[Run]]:
    """Run `jobs` one after the other, in the running desk or here; their runs, as documents and as what they are."""
    client = running(global_options)
    documents = _in_the_desk(client, jobs, options) if client else _here(global_options, jobs, options)
    return documents, [Run.model_validate(document) for document in documents]


def exit_code(state: str, *, whole_night: bool) -> int:
    """The exit code for the end of a run.

    In a whole night some jobs have little or nothing to do; one that was named should do all of its work.
    """
    fine = {"succeeded", "partial", "skipped"} if whole_night else {"succeeded"}
    return 0 if state in fine else {"timed_out": 5, "cancelled": INTERRUPTED}.get(state, 1)


def _in_the_desk(client: Client, jobs: tuple[JobName, ...], options: RunOptions) -> list[Document]:
    body = options.document()
    with reporter() as progress:
        return [follow(client, client.post(f"/jobs/{job}/run", body)["id"], progress.show) for job in jobs]


def _here(global_options: Choices, jobs: tuple[JobName, ...], options: RunOptions) -> list[Document]:
    from daemon import bootstrap
    from daemon.api.views import progress as summarise
    from daemon.domain.progress import RunProgress

    with reporter() as progress:

        def show(run: runs.Run, run_progress: RunProgress | None) -> None:
            if summary := summarise(run_progress):
                progress.show(run.name, summary.fraction, summary.message)
            else:
                progress.show(run.name, None, run.state)

        ended = bootstrap.run_once(global_options.home, global_options.config, jobs, options, show)
    return [Run.model_validate(run).model_dump(mode="json") for run in ended]


def show_runs(runs: list[Run], home: Home) -> None:
    """A table of runs, and what each has to say."""
    table("Runs", ["run", "state", "cause"], [[run.name, run.state, run.cause] for run in runs])
    for run in runs:
        detail: dict[str, Any] = run.detail or {}
        if "verdicts" in detail:
            show_evaluation(home, detail)
        for note in (*_notes(detail), *_acceptance(run)):
            typer.echo(note)
        for subject, error in detail.get("failed", {}).items():
            typer.echo(f"{subject}: {error['message']} Cure: {error['cure']}", err=True)
        if "message" in detail:
            typer.echo(f"{detail['message']} Cure: {detail.get('cure', 'See its log.')}", err=True)


def _notes(detail: dict[str, Any]) -> Iterator[str]:
    """Notes on a successful run: where its data came from, and what of it was not used."""
    if sources := detail.get("sources"):
        yield f"{detail['new_rows']} new bars, from {', '.join(sources)}."
    if fallback := detail.get("fallback"):
        yield f"The sample market is used for {', '.join(fallback['symbols'])}. {fallback['reason']}"
    for symbol, refused in detail.get("quarantined", {}).items():
        yield f"{symbol}: refused bars, kept in data/quarantine: {_counts(refused)}."
    for model, issues in detail.get("issues", {}).items():
        for name, issue in issues.items():
            text = _counts(issue) if isinstance(issue, dict) else issue
            yield f"{model}: not used of its data: {name.replace('_', ' ')}: {text}."


def _acceptance(run: Run) -> Iterator[str]:
    """For each symbol whose rewritten history a person accepted, how it differs from the stored bars."""
    options = RunOptions.model_validate(run.options)
    if options.accept is None or run.state != "succeeded":
        return
    accepted: dict[str, Any] = as_object((run.detail or {}).get("accepted"))
    for symbol in options.symbols or ():
        if revision := accepted.get(symbol):
            gone = f", {revision['gone']} are gone" if revision["gone"] else ""
            yield (
                f"{symbol}: accepted. {revision['rows']} bars have other prices now, "
                f"by up to {revision['largest']:.3%}{gone}, from {revision['first']} to {revision['last']}. "
                f"The dataset before it is kept; see `data show {symbol}`."
            )
        else:
            yield f"{symbol}: there was nothing to accept; the history of the source agrees with the stored bars."


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
