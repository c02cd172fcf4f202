"""A thousand users start a small run each within a minute: all end, in bounds, and nothing is left behind."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import psutil
import pytest

from services.db.positions import BriefText
from services.domain.actors import Actor, Role
from services.screening import ScreeningOrder
from services.settings import Settings
from services.wiring import Services, build
from tests.fixtures.app import wait_until
from tests.fixtures.product import Product
from tests.journeys.accounts_of import charges_agree
from tests.torture.orders import bring_people

pytestmark = pytest.mark.timeout(3_000)
ORGANIZATIONS, USERS, CANDIDATES = 10, 100, 3
START_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 2_400
# Shipped bounds: JOB_PROCESSES, JOB_PROCESSES_PER_ORGANIZATION, JOB_PROCESSES_PER_USER.
MOST, MOST_PER_ORGANIZATION, MOST_PER_USER = 8, 6, 2
PARTS = ("web", "sweeper", "simulators")
BRIEF = BriefText("Builds things.", "1+ years of work", "", "")
LIVE = """
SELECT count(*), coalesce(max(of_org), 0), coalesce(max(of_user), 0)
  FROM (SELECT count(*) OVER (PARTITION BY org_id) AS of_org, count(*) OVER (PARTITION BY user_id) AS of_user
          FROM runs WHERE lease_until > clock_timestamp()) AS live
"""


@dataclass
class Watch:
    """The most that was seen of what must stay bounded."""

    product: Product
    live: int = 0
    of_organization: int = 0
    of_user: int = 0
    descriptors: dict[str, list[int]] = field(default_factory=dict)
    memory: dict[str, list[int]] = field(default_factory=dict)

    def look(self) -> None:
        live, of_organization, of_user = self.product.rows(LIVE)[0]
        self.live, self.of_user = max(self.live, live), max(self.of_user, of_user)
        self.of_organization = max(self.of_organization, of_organization)
        for name in PARTS:
            part = self.product.part(name)
            family = [part, *(child for child in part.children() if name == "web")]
            self.descriptors.setdefault(name, []).append(sum(one.num_fds() for one in family))
            self.memory.setdefault(name, []).append(sum(one.memory_info().rss for one in family))


@pytest.fixture
def services(product: Product) -> Iterator[Services]:
    built = build(Settings(_env_file=None, SOURCINGX_HOME=str(product.home)))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and an alias
    yield built
    built.database.close()


def make_organization(product: Product, services: Services) -> list[tuple[Actor, ScreeningOrder]]:
    """Users without a password, one position, and for each user people whom nobody else screens."""
    name = f"Torture {uuid4().hex[:8]}"
    org_id = services.accounts.ensure_organization(name)
    users = product.rows(
        "INSERT INTO users (org_id, email, name, role) SELECT %s, 'user-' || n || %s, 'User ' || n, 'recruiter'"
        " FROM generate_series(1, %s) n RETURNING id, email",
        org_id,
        f"@{name.replace(' ', '-').lower()}.example",
        USERS,
    )
    actors = [Actor(user_id, org_id, Role.RECRUITER, "User", email) for user_id, email in users]
    list_id = bring_people(product, actors[0].email, name, USERS * CANDIDATES)
    people = product.rows("SELECT candidate_id FROM list_members WHERE list_id = %s ORDER BY candidate_id", list_id)
    ids = [row[0] for row in people]
    position = services.positions.create(actors[0], "Engineer", BRIEF, approve=True)
    return [
        (actor, ScreeningOrder(position.position_id, candidate_ids=tuple(ids[number::USERS]), extras=False))
        for number, actor in enumerate(actors)
    ]


def test_a_thousand_users_start_a_small_run_each_within_a_minute(
    product: Product, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    organizations = [make_organization(product, services) for _ in range(ORGANIZATIONS)]
    watch = Watch(product)
    watch.look()
    began = time.monotonic()
    runs: list[UUID] = []
    # In turn, as people of many organizations come.
    for number in range(USERS):
        runs += [services.screening.start(*orders[number]).run_id for orders in organizations]
    starting = time.monotonic() - began
    assert starting <= START_SECONDS

    def all_ended() -> bool:
        watch.look()
        left: int = product.value("SELECT count(*) FROM runs WHERE id = ANY (%s) AND finished_at IS NULL", runs)
        time.sleep(2.0)
        return left == 0

    wait_until(all_ended, ENDS_WITHIN_SECONDS, product.logs)
    took = time.monotonic() - began
    ends = product.rows("SELECT state, done, count(*) FROM runs WHERE id = ANY (%s) GROUP BY 1, 2", runs)
    assert ends == [("succeeded", CANDIDATES, len(runs))]
    assert charges_agree(product) == []
    assert watch.live <= MOST and watch.of_organization <= MOST_PER_ORGANIZATION and watch.of_user <= MOST_PER_USER
    wait_until(lambda: not product.drivers(), 20, product.logs)
    family = psutil.Process(product.process.pid).children(recursive=True)
    assert not [one for one in family if one.status() == psutil.STATUS_ZOMBIE]
    watch.look()
    with capsys.disabled():
        print(
            f"\n{len(runs)} runs started in {starting:.0f} s, ended after {took:.0f} s; at most {watch.live} at once,"
        )
        for name in PARTS:
            fds, memory = watch.descriptors[name], [size // 1_000_000 for size in watch.memory[name]]
            print(f"{name}: {fds[0]} to {max(fds)} descriptors, {memory[0]} to {max(memory)} MB")
    for name in PARTS:
        first, most = watch.descriptors[name][0], max(watch.descriptors[name])
        assert most <= first + 60, f"{name} went from {first} to {most} descriptors"
        assert max(watch.memory[name]) <= 2 * watch.memory[name][0] + 50_000_000, f"{name} grew"
