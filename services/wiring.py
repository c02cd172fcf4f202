"""Builds all services for this process; the only module that knows every part."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ratelimit import Limit, LocalStore, Policy, Store
from services.accounts import Accounts
from services.admin import Admin
from services.candidates import Candidates, stored_filters
from services.clock import Clock, SystemClock
from services.db.embedded import EmbeddedDatabaseError, EmbeddedPostgres
from services.db.pool import Database
from services.db.runs import StartBounds
from services.domain.runs import RunKind
from services.door import AddressDoor, RequestDoor
from services.enrichment import Enrichment
from services.exports import Exports
from services.housekeeping import DAY_SECONDS, HOUR_SECONDS, Ages, Housekeeping
from services.imports import Imports
from services.leases import Leases
from services.limits import KeyNews, LimiterGate, StoreWatch
from services.lists import Lists
from services.news import News
from services.positions import Positions
from services.presence import Presence
from services.providers.crustdata import PROVIDER as CRUSTDATA
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
from services.settings import PROVIDERS, Settings, load_settings
from services.shares import Shares
from services.sightings import Sightings
from services.sightings.local import LocalSightings
from services.status import Status
from services.turns import Turns
from services.usage import Usage

if TYPE_CHECKING:
    from services.runs.drive_queue import DriveQueue

PROVIDER_OF_KIND = {RunKind.SCREENING: OPENAI}
"""Whose calls the runs of a kind are made of."""


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
    shares: Shares
    lists: Lists
    candidates: Candidates
    imports: Imports
    enrichment: Enrichment
    exports: Exports
    runs: Runs
    leases: Leases
    launcher: Launcher
    screening: Screening
    address_door: RequestDoor
    person_door: RequestDoor
    limiter_store: Store
    limiter_watch: StoreWatch
    turns: Turns
    presence: Presence
    news: News
    housekeeping: Housekeeping
    status: Status


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
    bounds = StartBounds(settings.job_processes_per_user, settings.job_processes_per_organization)
    door_store = open_store(settings, "door")
    limiter_store = open_store(settings, "limiter", has_few_keys=True)
    limiter_watch = StoreWatch(limiter_store, policies_of(settings)[OPENAI])
    turns = Turns(limiter_store, policies_of(settings), PROVIDER_OF_KIND, clock)
    housekeeping = Housekeeping(database, clock, settings.home_path, settings.files_path, ages_of(settings))
    key_news = KeyNews(limiter_store, policies_of(settings), PROVIDER_OF_KIND)
    runs = Runs(database, bounds, clock, key_news.mended)
    return Services(
        settings,
        clock,
        database,
        accounts=Accounts(
            database,
            door=AddressDoor(door_store),
            idle_seconds=settings.session_idle_hours * 3600,
        ),
        admin=Admin(database),
        positions=Positions(database),
        enrichment=Enrichment(database, clock),
        exports=Exports(database, clock, stored_filters),
        usage=Usage(database, clock),
        quotas=Quotas(database, clock),
        shares=Shares(database),
        lists=Lists(database),
        candidates=Candidates(database, clock),
        imports=Imports(
            database,
            clock,
            uploads=settings.files_path / "uploads",
            upload_limit_bytes=settings.upload_limit_mb * 1_000_000,
        ),
        runs=runs,
        leases=Leases(database, clock),
        launcher=Launcher(
            database,
            log_path=settings.home_path / "log" / "drives.log",
            most_processes=settings.job_processes,
            bounds=bounds,
            queue=open_queue(settings, clock),
        ),
        screening=Screening(database, clock, runs, settings.openai_model, settings.provider_mode("openai")),
        address_door=RequestDoor(door_store, settings.requests_per_address, settings.web_concurrency),
        person_door=RequestDoor(door_store, settings.requests_per_user, settings.web_concurrency),
        limiter_store=limiter_store,
        limiter_watch=limiter_watch,
        turns=turns,
        presence=Presence(database, open_sightings(settings), clock),
        news=News(database),
        housekeeping=housekeeping,
        status=Status(
            database,
            clock,
            settings.home_path,
            {name: settings.provider_mode(name) for name in PROVIDERS},
            turns,
            limiter_watch,
            None if settings.redis_url else local_store_file(settings, "limiter"),
            housekeeping,
            settings.job_processes,
            embedded_postgres(settings).server_pid if settings.uses_embedded_database else no_server,
        ),
    )


def ages_of(settings: Settings) -> Ages:
    return Ages(
        upload_seconds=settings.upload_keep_days * DAY_SECONDS,
        temporary_seconds=settings.temporary_keep_hours * HOUR_SECONDS,
        expired_seconds=settings.expired_keep_days * DAY_SECONDS,
        session_idle_seconds=settings.session_idle_hours * HOUR_SECONDS,
        log_bytes=int(settings.log_limit_mb * 1_000_000),
    )


def no_server() -> None:
    """The database is somebody else's to watch."""


def local_store_file(settings: Settings, name: str) -> Path:
    return settings.home_path / f"{name}.sqlite3"


def open_sightings(settings: Settings) -> Sightings:
    """Where it is kept who is here: shared by the hosts with REDIS_URL, else by this machine's processes."""
    if settings.redis_url is not None:
        # As with the limiter's: only who has a Redis loads it.
        from services.sightings.redis import RedisSightings

        return RedisSightings(settings.redis_url.get_secret_value())
    return LocalSightings(settings.home_path / "presence.sqlite3")


def open_store(settings: Settings, name: str, *, has_few_keys: bool = False) -> Store:
    """Where a limiter keeps its accounts: shared by the hosts with REDIS_URL, else by this machine's processes.

    `has_few_keys`: each is asked by many at once, who take turns at a file of its own. Never for keys that strangers
    choose, such as their addresses.
    """
    if settings.redis_url is not None:
        # A tenth of the start of every process, which most installations need not pay.
        from ratelimit.stores.redis import RedisStore

        turns_folder = settings.home_path if has_few_keys else None
        return RedisStore(settings.redis_url.get_secret_value(), prefix=f"sourcingx:{name}:", turns_folder=turns_folder)
    return LocalStore(local_store_file(settings, name))


def open_queue(settings: Settings, clock: Clock | None = None) -> "DriveQueue | None":
    """Where drives wait for the workers of several hosts; nowhere without REDIS_URL, as each machine starts its own."""
    if settings.redis_url is None:
        return None
    # As above: most installations have no Redis.
    from services.runs.drive_queue import DriveQueue

    return DriveQueue(settings.redis_url.get_secret_value(), clock or SystemClock())


def policies_of(settings: Settings) -> dict[str, Policy]:
    """What each provider allows this installation; docs/providers/ has the source of each default."""
    openai = {"requests": settings.openai_requests_per_minute, "tokens": settings.openai_tokens_per_minute}
    crustdata = {
        "enriches": settings.crustdata_enriches_per_minute,
        "searches": settings.crustdata_searches_per_minute,
        "usage_calls": settings.crustdata_usage_calls_per_minute,
    }
    salesql = (
        *minutely({"calls": settings.salesql_calls_per_minute}),
        # Which midnight the provider means is not known; any 24 hours hold for all of them.
        Limit("calls_a_day", settings.salesql_calls_per_day, 86_400.0),
    )
    return {
        OPENAI: Policy(f"{OPENAI}:{settings.openai_model}", minutely(openai)),
        CRUSTDATA: Policy(CRUSTDATA, minutely(crustdata)),
        "salesql": Policy("salesql", salesql),
        "phantombuster": Policy("phantombuster", (), concurrency=settings.phantombuster_running_agents),
        "sheets": Policy("sheets", minutely({"reads": settings.sheets_reads_per_minute})),
    }


def minutely(amounts: Mapping[str, int]) -> tuple[Limit, ...]:
    return tuple(Limit(name, amount, 60.0) for name, amount in amounts.items())


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
