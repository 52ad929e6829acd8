"""`nightdesk audit`: how often the desk's own rules would call a recipe without skill proven."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from config.errors import UsageError
from daemon.cli.choices import choices
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter


def audit(
    context: typer.Context,
    null_markets: Annotated[
        int | None,
        typer.Option("--null-markets", min=1, help="Made-up homes without an edge, in each of five kinds of market."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random; the same seed gives the same files.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; else as many as there are cores.")] = None,
) -> None:
    """Simulate homes whose recipes have no skill, or a known one, and count what this desk's settings call proven.

    The markets have the sizes of the moves of the stored bars of each symbol with at least 1,000 daily bars, else those
    of the sample market. Writes results/audit/null_markets.json and null_markets.html; from 8 homes on they say, too,
    how many edges of known sizes would be proven. `nightdesk run-once audit` does the same as a job of the desk, with
    the settings `audit`, and `jobs.audit` schedules it.
    """
    if null_markets is None:
        raise UsageError(
            "audit.none", "No audit was named.", "Write `nightdesk audit --null-markets 200`; 200 homes take an hour."
        )
    from daemon.jobs.audit.null_markets import audit_null_markets

    global_options = choices(context)
    with reporter() as progress:
        document = audit_null_markets(
            global_options.home,
            global_options.settings(),
            global_options.home.results / "audit",
            homes=null_markets,
            seed=seed,
            processes=jobs or os.cpu_count() or 1,
            progress=lambda done, message: progress.show("audit", done, message),
        )
    answer(document, as_json=global_options.json, render=_show)


def _show(document: dict[str, Any]) -> None:
    rows = [
        [row["world"], row["costs"], _share(row["proven"]), _share(row["refuted"])] for row in document["null_markets"]
    ]
    table("Homes without an edge", ["drift", "costs", "proven on any night", "refuted"], rows)
    power = [
        [cell["sharpe"], cell["years"], f"{cell['with_edge']} of {cell['pairs']}", _share(cell["proven"])]
        for cell in document["power"]
    ]
    if power:
        typer.echo()
        table("Pairs with an edge", ["sharpe", "years", "with an edge", "proven"], power)
    if document["is_sample"]:
        typer.echo("The sizes of moves are those of the sample market, which is made up.")
    for file in document["files"]:
        typer.echo(f"Written: {file}")


def _share(share: dict[str, Any]) -> str:
    return f"{share['count']} of {share['among']} ({share['low']:.1%} to {share['high']:.1%})"
