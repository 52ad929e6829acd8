"""The command `nightdesk`: its options, its commands, and how its errors are printed."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from config.errors import NightdeskError
from config.library_folders import replace_missing_home_folder
from config.paths import Home
from daemon.cli.arguments import normalise
from daemon.cli.choices import Choices
from daemon.cli.commands import (
    acknowledge,
    alerts,
    audit,
    backtest,
    backups,
    data,
    doctor,
    init,
    inspect,
    night,
    regimes,
    retrainings,
    run,
    serving,
    stored,
)
from daemon.cli.model_flags import EXTRA_WORDS, CommandWithModelFlags
from daemon.cli.output import print_error
from daemon.domain.exhaustion import exhaustion

ALIASES = "Aliases"

app = typer.Typer(
    name="nightdesk",
    help="Keep trading models fresh: pull data, train, evaluate, publish signals, raise alerts.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("status")(inspect.status)
app.command("health")(inspect.health)
app.command("run-once")(night.run_once)
app.command("init")(init.init)
app.command("create-config", hidden=True)(init.init)
app.command("train", cls=CommandWithModelFlags, context_settings=EXTRA_WORDS)(night.train)
app.command("evaluate")(night.evaluate)
app.command("signals")(inspect.signals)
app.command("models")(inspect.models)
app.command("records")(serving.records)
app.command("promote")(serving.promote)
app.command("rollback")(serving.rollback)
app.command("pin")(serving.pin)
app.command("unpin")(serving.unpin)
app.command("retrainings")(retrainings.retrainings)
app.command("regimes")(regimes.regimes)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("doctor")(doctor.doctor)
app.command("audit")(audit.audit)
app.command("backtest")(backtest.backtest)
below_data = typer.Typer()
below_data.command("list")(stored.list_)
below_data.command("check")(stored.check)
below_data.command("show")(stored.show)
below_data.command("export")(stored.export)
below_data.command("accept")(stored.accept)
below_data.command("lineage")(stored.lineage)
below_alerts = typer.Typer()
below_alerts.command("retry")(alerts.retry)
below_alerts.command("ack")(acknowledge.ack)
app.add_typer(below_alerts, name="alerts", callback=alerts.alerts, invoke_without_command=True)
app.add_typer(below_data, name="data", callback=data.data, invoke_without_command=True)


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"nightdesk {version('nightdesk')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="The desk's folder; else $NIGHTDESK_HOME, else the working directory.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A JSON config; else training_config.json in the home, else the defaults.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON; errors too.")] = False,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, show_default=False, help="Print more; twice: tracebacks too.")
    ] = 0,
    version: Annotated[  # noqa: ARG001 -- answered by its callback
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
    once: Annotated[
        str | None, typer.Option("--run-once", metavar="JOB", help="`run-once JOB`.", rich_help_panel=ALIASES)
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="`status`.", rich_help_panel=ALIASES)] = False,
    create_config: Annotated[bool, typer.Option("--create-config", help="`init`.", rich_help_panel=ALIASES)] = False,
) -> None:
    """Keep trading models fresh: pull data, train, evaluate, publish signals, raise alerts."""
    context.obj = Choices(Home.find(home), config, json, verbose)
    replace_missing_home_folder(context.obj.home)
    if verbose:
        logging.basicConfig(level=logging.DEBUG if verbose > 1 else logging.INFO, format="%(levelname)s %(message)s")
    if create_config:
        init.init(context)
    if status:
        inspect.status(context)
    if once:
        night.run_once(context, once)
    if not (context.invoked_subcommand or create_config or status or once):
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; every fault ends as one clear error and its exit code, never as a traceback."""
    arguments = normalise(sys.argv[1:])
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may hold any bytes, a terminal may know only ASCII
            stream.reconfigure(errors="backslashreplace")
    try:
        app(arguments, prog_name="nightdesk")
    except Exception as error:  # noqa: BLE001 -- the outermost frame: every error is printed and sets the exit code
        if "-vv" in arguments or arguments.count("-v") > 1:
            traceback.print_exc()
        reported = error if isinstance(error, NightdeskError) else _unexpected(error)
        print_error(reported, as_json=as_json)
        sys.exit(reported.exit_code)


def _unexpected(error: Exception) -> NightdeskError:
    if exhausted := exhaustion(error):
        return exhausted
    if isinstance(error, OSError) and error.strerror:
        name = Path(str(error.filename)).name if error.filename else "a file"
        return NightdeskError("os.failed", f"{name}: {error.strerror}.", "Correct it, then repeat the command.")
    return NightdeskError(
        "internal",
        f"Unexpected {type(error).__name__}: {error}.",
        "Repeat it with -vv and report its output.",
    )
