"""Builds all services for this process; the only module that knows every part."""

import os
from dataclasses import dataclass
from functools import cache

from ratelimit import LocalStore
from services.accounts import Accounts
from services.admin import Admin
from services.candidates import Candidates, stored_filters
from services.clock import Clock, SystemClock
from services.db.embedded import EmbeddedDatabaseError, EmbeddedPostgres
from services.db.pool import Database
from services.door import AddressDoor
from services.enrichment import Enrichment
from services.exports import Exports
from services.imports import Imports
from services.lists import Lists
from services.positions import Positions
from services.settings import Settings, load_settings
from services.usage import Usage


@dataclass(frozen=True)
class Services:
    """Every use case of the product, built once per process."""

    settings: Settings
    clock: Clock
    database: Database
    accounts: Accounts
    admin: Admin
    positions: Positions
    usage: Usage
    lists: Lists
    candidates: Candidates
    imports: Imports
    enrichment: Enrichment
    exports: Exports


@dataclass(frozen=True)
class DatabaseUrls:
    """The address for migrations and the address for everything else."""

    owner: str
    login: str


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.home_path, settings.embedded_postgres)


def database_urls(settings: Settings) -> DatabaseUrls:
    """Where the database is; raises EmbeddedDatabaseError if the embedded one was never started."""
    if settings.database_url is not None:
        login = settings.database_url.get_secret_value()
        owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else login
        return DatabaseUrls(owner, login)
    access = embedded_postgres(settings).read_access()
    if access is None:
        raise EmbeddedDatabaseError("The embedded database was never started here; run `make run` once.")
    return DatabaseUrls(access.owner_url, access.login_url)


def build(settings: Settings, clock: Clock | None = None) -> Services:
    """Build every service; nothing is connected until it is used."""
    clock = clock or SystemClock()
    database = Database(
        database_urls(settings).login,
        # Prepared statements live in a session, which a transaction pooler does not keep for us.
        prepare_threshold=5 if settings.uses_embedded_database else None,
    )
    return Services(
        settings,
        clock,
        database,
        accounts=Accounts(
            database,
            door=AddressDoor(LocalStore(settings.home_path / "door.sqlite3")),
            idle_seconds=settings.session_idle_hours * 3600,
        ),
        admin=Admin(database),
        positions=Positions(database),
        enrichment=Enrichment(database, clock),
        exports=Exports(database, clock, stored_filters),
        usage=Usage(database, clock),
        lists=Lists(database),
        candidates=Candidates(database, clock),
        imports=Imports(
            database,
            clock,
            uploads=settings.files_path / "uploads",
            upload_limit_bytes=settings.upload_limit_mb * 1_000_000,
        ),
    )


@cache
def services_of(process: int) -> Services:  # noqa: ARG001  # the process id is the cache's key
    return build(load_settings())


def current() -> Services:
    """This process's services: a pool or a socket inherited over a fork is never used."""
    return services_of(os.getpid())
