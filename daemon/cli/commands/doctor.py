"""`nightdesk doctor`: can this machine, this home and this config carry a desk?"""

from __future__ import annotations

import typer

from daemon.cli.choices import choices
from daemon.cli.output import answer, table


def doctor(context: typer.Context) -> None:
    """Check machine, home and config; each finding comes with its cure. Exit code 1 if a check fails."""
    from daemon.cli.checks import diagnose

    global_options = choices(context)
    checks = [check.to_dict() for check in diagnose(global_options)]
    answer({"checks": checks}, as_json=global_options.json, render=lambda document: _show(document["checks"]))
    if any(check["state"] == "fail" for check in checks):
        raise typer.Exit(1)


def _show(checks: list[dict[str, str]]) -> None:
    table(
        "Doctor", ["check", "state", "finding"], [[check["name"], check["state"], check["finding"]] for check in checks]
    )
    for check in checks:
        if check["cure"]:
            typer.echo(f"{check['name']}: {check['cure']}")
