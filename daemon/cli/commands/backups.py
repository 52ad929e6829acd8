"""Commands for the day on which a disk is lost: `backup` and `restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import NightdeskError
from daemon.cli.choices import Choices, choices
from daemon.cli.commands.night import exit_code, run_jobs, show_runs
from daemon.cli.output import answer
from daemon.domain.options import RunOptions

if TYPE_CHECKING:
    from daemon.api.answers import Run
    from daemon.backups import Restored

DIFFERS = 2


def backup(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Also copy it there, besides the places of the config: a folder, https://host/bucket/prefix, or"
            " r2://bucket/prefix. Each desk needs a place of its own.",
        ),
    ] = None,
) -> None:
    """Back up everything that could not be had again: models, database, config, expert logs, headlines, trades, bars.

    The backup is taken in the home (models/backup_*) and copied to every place that `backup.to` in the config names.
    Only what is new is stored and sent, and read back; with --to also what lies there already, and the job
    restore_drill does so at every place: what is damaged there is sent again. A running desk does it itself; else this
    command holds the home while it lasts. The API token is not in it.

    Exit code 0 if the backup was taken and is at every place, 1 if not.

    Example: nightdesk backup --to /mnt/usb/desk
    """
    global_options = choices(context)
    _refuse_no_desk(global_options)
    (document,), (run,) = run_jobs(global_options, ("backup",), RunOptions())
    copied = _copy(global_options, run, to) if to is not None and run.state in ("succeeded", "partial") else None
    answer(
        {"run": document, "copied": copied},
        as_json=global_options.json,
        render=lambda _: _show_backup(global_options, run, copied),
    )
    if code := exit_code(run.state, whole_night=False):
        raise typer.Exit(code)


def _refuse_no_desk(global_options: Choices) -> None:
    """Raise where there is nothing to back up; a database that is merely lost is restored first, as at any start."""
    from daemon.backups import refuse_half_restored
    from daemon.opening.traces import traces

    home = global_options.home
    refuse_half_restored(home)
    if not (home.database.exists() or traces(home)) and global_options.settings().database.url is None:
        raise NightdeskError(
            "home.no_desk",
            f"No desk has ever worked in {home.root}.",
            "Name its folder with --home, or begin: `nightdesk run`.",
        )


def _copy(global_options: Choices, run: Run, to: str) -> dict[str, Any]:
    """Copy the backup of a run to one more place."""
    from daemon import backups

    home, name = global_options.home, str((run.detail or {})["backup"])
    target = backups.open_place(backups.named_place(to), home, create=True)
    copied = backups.copy(backups.home_repository(home), name, target)
    removed = backups.prune(target, global_options.settings().retention.backups)
    return {
        "place": target.label,
        "objects": copied.objects,
        "bytes": copied.bytes,
        "removed": removed,
        "mended": list(copied.mended),
    }


def _show_backup(global_options: Choices, run: Run, copied: dict[str, Any] | None) -> None:
    show_runs([run], global_options.home)
    detail: dict[str, Any] = run.detail or {}
    if "backup" in detail:
        typer.echo(f"{detail['backup']}: {detail['files']} files and the database, {_size(detail['bytes'])}.")
    for name in detail.get("mended", ()):
        typer.echo(f"{name} was damaged; `nightdesk status` says what became of it.", err=True)
    for name in detail.get("left_out", ()):
        typer.echo(f"{name} was left out: it is damaged, or its name has a backslash or a control character.", err=True)
    places: dict[str, Any] = detail.get("places", {})
    for label, place in [*places.items(), *([(copied["place"], copied)] if copied else [])]:
        typer.echo(f"Copied to {label}: {place['objects']} new objects, {_size(place['bytes'])} sent.")
        for name in place.get("mended", ()):
            typer.echo(f"The copy of {name} there was damaged; it was sent again.", err=True)
    if "backup" in detail and not places and not copied:
        typer.echo("It lies in the home alone, and would be lost with its disk: name another place with --to.")


def restore(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help="Where the backups are: a folder, https://host/bucket/prefix, r2://bucket/prefix, or an old home.",
        ),
    ],
    backup: Annotated[
        str | None, typer.Option("--backup", metavar="NAME", help="Which one, as backup_20260105_030405; the newest.")
    ] = None,
) -> None:
    """Bring a whole desk back from a backup into an empty home (--home), and prove it.

    Everything is checked by its hash, and every model that served must make its recorded predictions again. A home that
    is used is never touched. A restore that was cut off is no desk; the same command goes on with it.

    Exit code 0 if the desk is verified, 2 if something differs from what was backed up (it is named; the rest is
    there) or the command was wrong, 1 if the restore could not run, 4 if the config or a secret that it names cannot be
    used, 75 if another process holds the home.

    Example: nightdesk --home /srv/desk restore /mnt/usb/desk
    """
    global_options = choices(context)
    restored, label = _restore(global_options, source, backup)
    document = {
        "home": str(global_options.home.root),
        "from": label,
        "backup": restored.backup,
        "files": restored.files,
        "bytes": restored.bytes,
        "champions": sorted(restored.champions),
        "differs": restored.differs,
        "verified": not restored.differs,
    }
    answer(document, as_json=global_options.json, render=_show_restored)
    if restored.differs:
        raise typer.Exit(DIFFERS)


def _restore(global_options: Choices, source: str, name: str | None) -> tuple[Restored, str]:
    from daemon import backups, bootstrap
    from daemon.jobs.backup.tasks import restore_and_prove
    from daemon.opening.database import database_place
    from daemon.system.lock import HomeLock

    home = global_options.home

    def postgresql() -> str | None:
        place = database_place(home, bootstrap.read_settings(home, global_options.config))
        return place if isinstance(place, str) else None

    repository, named = backups.open_from(source)
    with HomeLock(home, "restore"):
        return restore_and_prove(repository, home, name or named, postgresql=postgresql), repository.label


def _show_restored(document: dict[str, Any]) -> None:
    size = f"{document['files']} files and the database, {_size(document['bytes'])}"
    typer.echo(f"{document['backup']} from {document['from']}: {size}.")
    for name, problem in document["differs"].items():
        typer.echo(f"differs: {name}: {problem}", err=True)
    count = len(document["champions"])
    if document["verified"]:
        typer.echo(f"Verified: every hash, and the predictions of {count} model{'s' * (count != 1)} that served.")
    typer.echo(f"Start it: nightdesk --home {document['home']} run. It gets a new API token.")


def _size(count: int) -> str:
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
