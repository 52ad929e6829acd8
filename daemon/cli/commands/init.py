"""`nightdesk init`: a config to begin with, and sample files to learn from."""

from __future__ import annotations

from typing import Annotated

import typer

from config.errors import UsageError
from config.loader import DEFAULT_CONFIG
from config.paths import Home
from config.publish import publish_bytes
from config.settings import Settings
from daemon.cli.choices import choices
from daemon.cli.output import answer


def init(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing config.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Also write sample bars, expert logs and trader logs into data/samples/.")
    ] = False,
) -> None:
    """Write training_config.json into the home (also known as create-config)."""
    global_options = choices(context)
    if global_options.home.config.exists() and not force:
        raise UsageError(
            "config.exists",
            f"There is a config already: {global_options.home.config}.",
            "Edit it, or replace it with --force.",
        )
    publish_bytes(global_options.home.config, DEFAULT_CONFIG.read_bytes())
    written = [
        global_options.home.config.name,
        *(_write_sample(global_options.home, global_options.settings()) if sample else []),
    ]
    document = {"home": str(global_options.home.root), "written": written}
    answer(document, as_json=global_options.json, render=lambda _: _show(global_options.home, written))


def _show(home: Home, written: list[str]) -> None:
    config, *samples = written
    typer.echo(f"Wrote {config} into {home.root}.")
    if samples:
        typer.echo(f"Wrote {len(samples)} sample files into data/samples/ there: bars, experts, bucket.")


def _write_sample(home: Home, settings: Settings) -> list[str]:
    """Write the sample files; their paths relative to the home."""
    from daemon.cli.local.samples import write_sample
    from daemon.system.clock import SystemClock

    return [home.relative(path) for path in write_sample(home, settings, SystemClock().now())]
