"""Builds all services for this process; the only module that knows every part."""

import os
from dataclasses import dataclass
from functools import cache, partial

from ratelimit import Limit, LocalStore, Policy, Store
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
from services.limits import LimiterGate, StoreWatch
from services.lists import Lists
from services.positions import Positions
from services.providers.openai import PROVIDER as OPENAI
from services.providers.openai import OpenAIChat, make_client
from services.quotas import Quotas
from services.runs.driver import DriveSettings
from services.runs.kinds import Kind
from services.runs.launch import Launcher
from services.runs.orders import Runs
from services.runs.outcomes import RetryPolicy
from services.screening import Screening
from services.screening_work import ScreeningWork
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
    quotas: Quotas
    lists: Lists
    candidates: Candidates
    imports: Imports
    enrichment: Enrichment
    exports: Exports
    runs: Runs
    launcher: Launcher
    screening: Screening
    limiter_store: Store
    limiter_watch: StoreWatch


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
    runs = Runs(database, clock)
    limiter_store = LocalStore(settings.home_path / "limiter.sqlite3")
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
        quotas=Quotas(database, clock),
        lists=Lists(database),
        candidates=Candidates(database, clock),
        imports=Imports(
            database,
            clock,
            uploads=settings.files_path / "uploads",
            upload_limit_bytes=settings.upload_limit_mb * 1_000_000,
        ),
        runs=runs,
        launcher=Launcher(
            database,
            log_path=settings.home_path / "log" / "drives.log",
            most_processes=settings.job_processes,
            most_per_user=settings.job_processes_per_user,
        ),
        screening=Screening(database, clock, runs, settings.openai_model, settings.provider_mode("openai")),
        limiter_store=limiter_store,
        limiter_watch=StoreWatch(limiter_store, policies_of(settings)[OPENAI]),
    )


def policies_of(settings: Settings) -> dict[str, Policy]:
    """What each provider allows this installation."""
    minutely = {"requests": settings.openai_requests_per_minute, "tokens": settings.openai_tokens_per_minute}
    limits = tuple(Limit(name, amount, 60.0) for name, amount in minutely.items())
    return {OPENAI: Policy(f"{OPENAI}:{settings.openai_model}", limits)}


def open_gate(services: Services) -> LimiterGate:
    """The limits of all providers, for one process that makes calls."""
    return LimiterGate(services.limiter_store, policies_of(services.settings), services.database)


def work_of(services: Services, kind: str, gate: LimiterGate) -> Kind:
    """The work on one item of a run of this kind; built anew for each drive."""
    if kind != "screening":
        raise ValueError(f"no work is known for runs of kind {kind}")
    settings = services.settings
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "simulated"
    base_url, timeout = settings.provider_base_url("openai"), settings.openai_timeout_seconds
    chat = OpenAIChat(key, base_url, timeout, partial(gate.learn, OPENAI), make_client(key, base_url, timeout))
    return ScreeningWork(services.clock, chat, settings.openai_model)


def drive_settings(settings: Settings) -> DriveSettings:
    resends = {OPENAI: int(settings.openai_resend_unknown)}
    return DriveSettings(settings.run_in_flight, RetryPolicy(settings.run_attempts, resends))


@cache
def services_of(process: int) -> Services:  # noqa: ARG001  # the process id is the cache's key
    return build(load_settings())


def current() -> Services:
    """This process's services: a pool or a socket inherited over a fork is never used."""
    return services_of(os.getpid())
