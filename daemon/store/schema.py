"""Which shape the database has, and how it gets the one this code expects."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from config.errors import NightdeskError
from daemon.store.tables import metadata

# The newest revision in `migrations/versions`; named here so that a start needs no Alembic (90 ms, 11 MB).
HEAD = "0008"
MIGRATIONS = Path(__file__).with_name("migrations")

# Alembic's own table, spelt out.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def version(c: Connection) -> str | None:
    """The revision the database is at, empty before the first; None if Alembic never saw it."""
    if not inspect(c).has_table(_version.name):
        return None
    return c.execute(_version.select()).scalar() or ""


def lock(c: Connection) -> None:
    """Let no other process create or migrate the tables on a server until the end of this transaction."""
    if c.dialect.name == "postgresql":
        c.execute(text("SET LOCAL lock_timeout = 0"))
        c.execute(text("SET LOCAL statement_timeout = 0"))
        c.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('nightdesk schema ' || current_schema(), 0))"))


def create(c: Connection) -> None:
    """Make every table in an empty database and note the revision they are at."""
    tables = sorted(set(inspect(c).get_table_names()) & set(metadata.tables))
    if tables:
        raise NightdeskError(
            "store.foreign",
            f"The database already has tables that are not Nightdesk's: {', '.join(tables)}.",
            "Give the desk a database of its own.",
            tables=tables,
        )
    metadata.create_all(c)
    _version.create(c)
    c.execute(_version.insert().values(version_num=HEAD))


def create_at(c: Connection, revision: str) -> None:
    """Make every table in an empty database as they were at `revision`."""
    if revision == HEAD:
        create(c)
    else:
        migrate(c, revision)


def migrate(c: Connection, revision: str = HEAD) -> None:
    """Bring a database of an older Nightdesk to the shape of `revision`, else of this one."""
    from alembic import command  # noqa: PLC0415 (heavy, and needed once in a release)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = c
    command.upgrade(config, revision)


def refuse_newer(revision: str) -> None:
    """Raise if a newer Nightdesk has written this database."""
    if revision > HEAD:
        raise NightdeskError(
            "store.newer",
            f"The database is at revision {revision}; this Nightdesk knows revisions up to {HEAD}.",
            "Run the newer Nightdesk that wrote it, or restore a backup taken before the upgrade.",
            revision=revision,
            newest=HEAD,
        )
