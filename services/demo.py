"""Demo data, made once: two organizations, five users, 2,000 invented people, three positions.

The people come from the simulated providers, over HTTP, through the product's own import and enrichment:
what a demo shows is what the product did. Never made beside a real database or a real key.
"""

import contextlib
import csv
import json
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from services.db.positions import BriefText
from services.domain.actors import Actor, Role
from services.domain.identity import ProfileUrl, read_profile_url
from services.errors import Busy, Conflict
from services.providers import crustdata
from services.settings import Settings
from services.wiring import Services, build

DEMO_PASSWORD = "try-sourcing-today"  # noqa: S105  # printed on purpose: demo sign-ins exist on loopback only
NORTH = "Harborline Talent (demo)"
SOUTH = "Quarry Lane Search (demo)"
USERS = (
    ("ana@harborline.example", "Ana Demo", Role.RECRUITER, NORTH),
    ("ben@harborline.example", "Ben Demo", Role.RECRUITER, NORTH),
    ("mia@harborline.example", "Mia Demo", Role.MANAGER, NORTH),
    ("adi@harborline.example", "Adi Demo", Role.ADMIN, NORTH),
    ("sol@quarrylane.example", "Sol Demo", Role.ADMIN, SOUTH),
)
# Which stretch of the simulated world each organization imports, as which list; the two overlap on purpose.
LISTS = (
    ("ana@harborline.example", "Meetup guests, spring", 0, 400),
    ("ana@harborline.example", "Backend and platform pool", 400, 900),
    ("ben@harborline.example", "Referrals and events", 1300, 400),
    ("sol@quarrylane.example", "Talent pool", 1600, 400),
)
DUPLICATES = 0.03
# Enough to keep the simulators and the database both busy; what is taken in goes one by one in an organization.
CALLS_AT_ONCE = 4
MOST_TRIES = 6
COLUMNS = ("linkedin_url", "first_name", "last_name", "title", "company", "location", "email")

POSITIONS = (
    (
        "ana@harborline.example",
        "Backend engineer, payments",
        BriefText(
            "Backend engineer in a payments team of six at a product company. Hybrid, three days in the office.",
            "3+ years of backend development\nPython, Go or Java in production\nPostgreSQL or MySQL",
            "Kafka or another message broker\nPayments or banking domain\nKubernetes",
            "Currently director, VP or head of department\nMore than 15 years of industry experience",
        ),
    ),
    (
        "ben@harborline.example",
        "Data engineer",
        BriefText(
            "Builds and owns the pipelines behind a reporting product.",
            "2+ years of data engineering or analytics engineering\nSQL and Python\nAt least 1 year at current company",
            "Airflow or dbt\nCloud data warehouse",
            "Freelancer or self-employed",
        ),
    ),
    (
        "sol@quarrylane.example",
        "Product manager",
        BriefText(
            "First product manager of a B2B start-up.",
            "3+ years in product management\nWorked at a company with fewer than 200 people",
            "Technical degree",
            "Consulting or outsourcing company at present",
        ),
    ),
)

Say = Callable[[str], None]


def demo_sign_ins() -> list[tuple[str, str, str]]:
    """E-mail, role and organization of each demo user."""
    return [(email, role.value, organization) for email, _name, role, organization in USERS]


def make_demo(settings: Settings, say: Say) -> None:
    """Make the demo data unless it is there; a start that was interrupted is completed by the next one."""
    done = settings.home_path / "demo-made"
    if done.exists():
        return
    services = build(settings)
    simulators = f"http://127.0.0.1:{settings.simulators_port_or_default}"
    say("Making demo data: two organizations, five users, 2,000 invented people …")
    make_users(services)
    actors = {email: services.accounts.actor_called(email) for email, *_ in USERS}
    for email, title, brief in POSITIONS:
        if all(row.title != title for row in services.positions.recent(actors[email])):
            services.positions.create(actors[email], title, brief, approve=True)
    # The demo's own purchases come before anybody uses the simulated accounts: no limit, no wait, no trace of them.
    ask(f"{simulators}/_sim/limits", {"crustdata.enrich": None})
    ask(f"{simulators}/_sim/faults", {"latency": [{"provider": "crustdata", "distribution": 0}]})
    for email, name, first, count in LISTS:
        people = invented_people(simulators, first, count)
        import_people(services, actors[email], name, people)
        enrich_people(services, settings, actors[email], people)
    ask(f"{simulators}/_sim/reset", {})
    services.database.close()
    done.touch()


def make_users(services: Services) -> None:
    for email, name, role, organization in USERS:
        org_id = services.accounts.ensure_organization(organization, is_demo=True)
        # There from a start that was interrupted: its password is the same.
        with contextlib.suppress(Conflict):
            services.accounts.add_user(org_id, email, name, role, DEMO_PASSWORD)


def invented_people(simulators: str, first: int, count: int) -> list[dict[str, Any]]:
    answer = ask(f"{simulators}/_sim/people?offset={first}&limit={count}&duplicates={DUPLICATES}")
    people: list[dict[str, Any]] = answer["people"]
    return people


def import_people(services: Services, actor: Actor, list_name: str, people: Sequence[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{list_name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(people)
        patiently(services, lambda: services.imports.import_file(actor, path, list_name))


def patiently(services: Services, work: Callable[[], object]) -> None:
    """Do what is all or nothing; a machine that is busy with other things while it starts is asked again."""
    for tries in range(1, MOST_TRIES):
        try:
            work()
            return
        except Busy:
            services.clock.sleep(tries)
    work()


def enrich_people(services: Services, settings: Settings, actor: Actor, people: Sequence[dict[str, Any]]) -> None:
    """Complete the histories with the client that real enrichment uses, several calls at once."""
    read = (read_profile_url(person["linkedin_url"]) for person in people)
    addresses = sorted({url.url for url in read if isinstance(url, ProfileUrl)})
    client = crustdata.client(settings.provider_base_url("crustdata"), "demo")

    def enrich(urls: Sequence[str]) -> None:
        people = client.enrich(urls)
        patiently(services, lambda: services.enrichment.take_in(actor, urls, people))

    with client.http, ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        list(pool.map(enrich, batches(addresses, crustdata.MOST_URLS_PER_ENRICH)))


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  # a loopback address of ours
        url, None if body is None else json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
        return json.load(answer)
