"""Transactions: each belongs to an actor or to the engine, and no connection outlives a fork.

A transaction opens with one message that also takes on a role which owns nothing and bypasses nothing,
and names the organization, for that transaction only. Nothing is kept in the session, so a transaction
pooler between us and PostgreSQL changes nothing (docs/decisions/database.md).
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection, errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from services.domain.actors import Actor
from services.errors import AppError, Busy

Tx = Connection[TupleRow]

APP_ROLE = "sourcingx_app"
ENGINE_ROLE = "sourcingx_engine"
RECONNECTING = "The database is reconnecting. Nothing was lost; please try again in a moment."
OVERLOADED = "The database is very busy. Nothing was changed; please try again in a moment."
ONLY_READS = "The database takes no changes just now. Nothing was changed; please try again in a moment."

log = structlog.get_logger(__name__)


@dataclass
class Database:
    """A pool of connections to one database, opened when first used and anew in each process."""

    url: str
    max_connections: int = 8
    statement_seconds: float = 15.0
    lock_seconds: float = 3.0
    wait_seconds: float = 5.0
    prepare_threshold: int | None = None
    pools: dict[int, ConnectionPool[Tx]] = field(default_factory=dict, repr=False)
    opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def act_as(self, actor: Actor) -> Iterator[Tx]:
        """Run one transaction as the app, seeing only the rows of the actor's organization."""
        with self.transaction(APP_ROLE, actor.org_id, actor.user_id) as tx:
            yield tx

    @contextmanager
    def act_for(self, org_id: UUID, user_id: UUID | None = None) -> Iterator[Tx]:
        """Run one transaction for an organization without a person at the screen (a run, a command)."""
        with self.transaction(APP_ROLE, org_id, user_id) as tx:
            yield tx

    @contextmanager
    def as_engine(self) -> Iterator[Tx]:
        """Run one transaction as the engine: named functions over all organizations, and nothing else."""
        with self.transaction(ENGINE_ROLE, None, None) as tx:
            yield tx

    def ask(self, actor: Actor, statement: sql.SQL, parameters: Mapping[str, object]) -> list[TupleRow]:
        """Run one statement as a transaction of its own, in one message to the database and one back.

        For what is asked often and quickly (a block of the grid). The statement must be safe to repeat: a
        connection that a restart left dead is replaced and asked again. Raises Busy as `transaction` does.
        """
        pool = self.pool()
        scope = asking_words(APP_ROLE, actor.org_id, actor.user_id, int(self.statement_seconds * 1000))
        message = sql.SQL("{}; {}").format(scope, statement)
        for _ in range(self.max_connections + 2):
            with self.borrowed(pool) as connection:
                cursor = psycopg.ClientCursor(connection)
                try:
                    cursor.execute(message, parameters)
                    return answer_of(cursor)
                except (errors.QueryCanceled, errors.LockNotAvailable) as error:
                    raise Busy(OVERLOADED) from error
                except errors.ReadOnlySqlTransaction as error:
                    connection.close()
                    raise Busy(ONLY_READS) from error
                except psycopg.OperationalError:
                    connection.close()
        raise Busy(RECONNECTING)

    @contextmanager
    def borrowed(self, pool: ConnectionPool[Tx]) -> Iterator[Tx]:
        """A connection of the pool's; raises Busy if none comes in time."""
        try:
            connection = pool.getconn(timeout=self.wait_seconds)
        except PoolTimeout as error:
            raise Busy(RECONNECTING) from error
        try:
            yield connection
        finally:
            pool.putconn(connection)

    @contextmanager
    def transaction(self, role: str, org_id: UUID | None, user_id: UUID | None) -> Iterator[Tx]:
        """Open, commit on success, roll back on any error; a dead connection is replaced before work starts.

        Raises Busy when the database cannot be reached or does not answer in time. After work has
        started nothing is repeated here: only the caller knows whether that would be safe.
        """
        pool = self.pool()
        connection = self.begin(pool, self.opening_words(role, org_id, user_id))
        try:
            yield connection
            connection.commit()
        except (errors.QueryCanceled, errors.LockNotAvailable) as error:
            roll_back(connection)
            raise Busy(OVERLOADED) from error
        except errors.ReadOnlySqlTransaction as error:
            # A server that became a replica: the next connection may lead to the one that takes changes.
            connection.close()
            raise Busy(ONLY_READS) from error
        except psycopg.OperationalError as error:
            roll_back(connection)
            raise Busy(RECONNECTING) from error
        except BaseException:
            roll_back(connection)
            raise
        finally:
            pool.putconn(connection)

    def opening_words(self, role: str, org_id: UUID | None, user_id: UUID | None) -> sql.SQL:
        """The first message of a transaction; one round trip, all of it undone at its end."""
        return opening_words(role, org_id, user_id, int(self.statement_seconds * 1000), int(self.lock_seconds * 1000))

    def begin(self, pool: ConnectionPool[Tx], words: sql.SQL) -> Tx:
        """Borrow a connection on which BEGIN worked, throwing away those that a restart left dead."""
        for _ in range(self.max_connections + 2):
            try:
                connection = pool.getconn(timeout=self.wait_seconds)
            except PoolTimeout as error:
                raise Busy(RECONNECTING) from error
            try:
                connection.execute(words)
            except psycopg.OperationalError:
                connection.close()
                pool.putconn(connection)
            else:
                return connection
        raise Busy(RECONNECTING)

    def pool(self) -> ConnectionPool[Tx]:
        """This process's pool; one inherited over a fork is never used, its sockets belong to the parent."""
        process = os.getpid()
        found = self.pools.get(process)
        if found is None:
            with self.opening:
                found = self.pools.get(process) or self.open_pool(process)
        return found

    def open_pool(self, process: int) -> ConnectionPool[Tx]:
        pool: ConnectionPool[Tx] = ConnectionPool(
            self.url,
            min_size=0,
            max_size=self.max_connections,
            timeout=self.wait_seconds,
            max_idle=120,
            # The pool doubles its pauses for as long as it tries: short tries keep them at two seconds, so that
            # everybody is back soon after the database, however long it was away.
            reconnect_timeout=min(5.0, self.wait_seconds),
            kwargs={"autocommit": True, "prepare_threshold": self.prepare_threshold, "connect_timeout": 5},
            open=True,
            name=f"pool-{process}",
        )
        self.pools[process] = pool
        return pool

    def close(self) -> None:
        pool = self.pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()


@lru_cache(maxsize=1024)
def opening_words(role: str, org_id: UUID | None, user_id: UUID | None, statement_ms: int, lock_ms: int) -> sql.SQL:
    """The words that open a transaction for somebody: the same each time, so that they are put together once."""
    scope = asking_words(role, org_id, user_id, statement_ms).as_string()
    patience = f"SET LOCAL lock_timeout = '{lock_ms}ms'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
    return sql.SQL(f"BEGIN; {scope}; {patience}")


@lru_cache(maxsize=1024)
def asking_words(role: str, org_id: UUID | None, user_id: UUID | None, statement_ms: int) -> sql.SQL:
    """Who asks, and for how long: alone in front of a statement they make one transaction of it, without BEGIN.

    PostgreSQL takes all statements of one simple message as a transaction ("Multiple Statements in a Simple Query").
    """
    words = sql.SQL(
        "SET LOCAL ROLE {role}; SET LOCAL statement_timeout = {statement};"
        " SET LOCAL app.org_id = {org}; SET LOCAL app.user_id = {user}"
    ).format(
        role=sql.Identifier(role),
        statement=sql.Literal(f"{statement_ms}ms"),
        org=sql.Literal(str(org_id) if org_id else ""),
        user=sql.Literal(str(user_id) if user_id else ""),
    )
    # Put together once for each person; only a role, a number and ids went in.
    return sql.SQL(words.as_string())


def answer_of(cursor: psycopg.ClientCursor[TupleRow]) -> list[TupleRow]:
    """The rows of the one statement among several that gave any."""
    while cursor.description is None:
        if not cursor.nextset():
            return []
    return cursor.fetchall()


def roll_back(connection: Tx) -> None:
    """End a failed transaction; a connection that cannot even do that is closed and replaced by the pool."""
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()


def translate(error: psycopg.Error, meanings: dict[str, AppError]) -> Exception:
    """The error of ours that a violated constraint means, by the constraint's name; else the error itself."""
    return meanings.get(error.diag.constraint_name or "", error)
