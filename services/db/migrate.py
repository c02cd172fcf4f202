"""Migrations: numbered SQL files, forward only, each one transaction under a lock time-out.

Eighty lines instead of a tool, because the tools hold a lock in the session for the whole upgrade, which a
transaction pooler does not carry, and because we want nothing of theirs but the numbering
(docs/decisions/database.md).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

MIGRATIONS = Path(__file__).parent / "migrations"
FILE_NAME = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
LOCK_KEY = 7_310_452_981
LOCK_SECONDS = 30


class MigrationError(Exception):
    """The database and the migration files do not belong together; the message says how."""


@dataclass(frozen=True)
class Migration:
    """One file: its number, name, text and the hash that proves it was not edited after use."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All migrations in order; a gap or a double number is a MigrationError."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql")
        found.append(Migration(int(match["number"]), match["name"], path.read_text(encoding="utf-8")))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError("migration numbers must run from 0001 without gaps or repeats")
    return found


def upgrade(url: str, migrations: Sequence[Migration] | None = None) -> list[int]:
    """Bring the database at `url` up to date and return the numbers applied; many hosts may try at once."""
    wanted = read_migrations() if migrations is None else migrations
    applied = []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=10) as connection:
        for migration in wanted:
            if apply_once(connection, migration):
                applied.append(migration.number)
    return applied


def apply_once(connection: Connection[TupleRow], migration: Migration) -> bool:
    """Apply one migration unless the database has it; the lock lives and dies with the transaction."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{LOCK_SECONDS}s")))
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        row = connection.execute(
            "SELECT sha256 FROM schema_migrations WHERE number = %s", [migration.number]
        ).fetchone()
        if row is not None:
            if row[0] != migration.sha256:
                raise MigrationError(
                    f"migration {migration.number:04} was edited after this database used it;"
                    " restore the file and put the change into a new migration"
                )
            return False
        connection.execute(migration.text)
        connection.execute(
            "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.sha256],
        )
        return True


def pending(url: str) -> list[int]:
    """The numbers this database has not yet had."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=10) as connection:
        exists = connection.execute("SELECT to_regclass('schema_migrations')").fetchone()
        done: set[int] = set()
        if exists and exists[0]:
            done = {row[0] for row in connection.execute("SELECT number FROM schema_migrations")}
    return [m.number for m in read_migrations() if m.number not in done]
