"""The database of the whole product is gone for longer than a lease lives, in the middle of a run."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from services.db.positions import BriefText
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.errors import Busy
from services.runs.wheel import LEASE_SECONDS, STILL_AFTER_SECONDS
from services.screening import ScreeningOrder
from services.settings import Settings
from services.wiring import Services, build
from tests.faults.rig import alongside, database_gone
from tests.fixtures.app import Caller, post_sign_in, wait_until
from tests.fixtures.product import ANA, MIA, Product
from tests.journeys.accounts_of import charges_agree

PEOPLE = 400
# Twice a lease, and long enough for whoever backs off between attempts to be asleep when the database returns.
OUTAGE_SECONDS = 2 * LEASE_SECONDS + 1.0
BACK_WITHIN_SECONDS = 8.0
BRIEF = BriefText("Builds things.", "1+ years of work\nWorked with software", "", "")


@dataclass
class Saving:
    """Somebody who saves one thing after another, and what was answered."""

    services: Services
    actor: Actor
    saved: set[str] = field(default_factory=set)
    refusals: set[str] = field(default_factory=set)

    def save(self, over: threading.Event) -> None:
        while not over.wait(0.02):
            name = f"Saved {uuid4().hex}"
            try:
                self.services.lists.create(self.actor, name)
            except Busy as error:
                self.refusals.add(error.message)
            else:
                self.saved.add(name)


@pytest.fixture
def services(product: Product) -> Iterator[Services]:
    """The product's own services on the running product's database, beside its processes."""
    built = build(Settings(_env_file=None, SOURCINGX_HOME=str(product.home)))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and an alias
    yield built
    built.database.close()


def order_a_screening(product: Product, services: Services, actor: Actor) -> UUID:
    """A run in the queue; the sweeper starts it."""
    title = f"Outage {uuid4().hex[:6]}"
    position = services.positions.create(actor, title, BRIEF, approve=True)
    people = product.rows("SELECT id FROM candidates WHERE org_id = %s ORDER BY id LIMIT %s", actor.org_id, PEOPLE)
    chosen = services.lists.create(actor, title)
    services.lists.add(actor, chosen.id, [row[0] for row in people])
    order = ScreeningOrder(position_id=position.position_id, list_id=chosen.id, extras=False)
    return services.screening.start(actor, order).run_id


def done(product: Product, run_id: UUID) -> set[int]:
    rows = product.rows("SELECT id FROM run_items WHERE run_id = %s AND state = 'done'", run_id)
    return {row[0] for row in rows}


@pytest.mark.timeout(200)
def test_a_run_and_what_was_saved_outlive_a_database_that_is_gone_for_longer_than_a_lease(
    product: Product, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = services.accounts.actor_called(ANA)
    slow = {"kind": "uniform", "low": 0.5, "high": 1.5}
    product.simulators.faults(latency=[{"provider": "openai", "distribution": slow}])
    run_id = order_a_screening(product, services, ana)
    saving = Saving(services, ana)
    with Caller(product.url, f"csrf_{product.url.rsplit(':', 1)[1]}") as mia, alongside(saving.save):
        assert post_sign_in(mia, product.url, MIA, product.password).status_code == 303
        wait_until(lambda: len(done(product, run_id)) >= 40, 30, product.logs)
        before = done(product, run_id)
        with database_gone(product.home):
            gone_at = time.monotonic()
            page = mia.get(f"{product.url}/runs/{run_id}")
            assert page.status_code == 503 and "reconnecting" in page.text
            wait_until(lambda: time.monotonic() > gone_at + STILL_AFTER_SECONDS + 2.0, 20)
            calls = len(product.simulators.ledger("openai"))
            wait_until(lambda: time.monotonic() > gone_at + OUTAGE_SECONDS, 30)
            assert len(product.simulators.ledger("openai")) == calls, "no call leaves that cannot be recorded"
        back_at = time.monotonic()
        wait_until(lambda: mia.get(f"{product.url}/runs/{run_id}").status_code == 200, 30, product.logs)
        page_seconds = time.monotonic() - back_at
        wait_until(lambda: services.runs.progress(ana, run_id).state.is_final, 90, product.logs)
    progress = services.runs.progress(ana, run_id)
    assert (progress.state, progress.done + progress.skipped) == (RunState.SUCCEEDED, PEOPLE)
    results = "SELECT count(*), count(DISTINCT candidate_id) FROM screenings WHERE run_id = %s"
    assert product.rows(results, run_id) == [(progress.done, progress.done)]
    assert charges_agree(product) == []
    unknown = product.value("SELECT count(*) FROM ledger WHERE run_id = %s AND status = 'unknown'", run_id)
    shown = [line.calls for line in services.runs.receipt(ana, run_id) if line.status == "unknown"]
    assert sum(shown) == unknown and (progress.unknown_usd > 0) == (unknown > 0)
    assert before <= done(product, run_id), "a result that was shown stays"
    assert saving.refusals and all("reconnecting" in words for words in saving.refusals)
    assert saving.saved <= {row[0] for row in product.rows("SELECT name FROM lists WHERE name LIKE 'Saved %%'")}
    resumed = product.value(
        "SELECT extract(epoch FROM min(settled_at) - pg_postmaster_start_time())::float8 FROM run_items"
        " WHERE run_id = %s AND settled_at > pg_postmaster_start_time()",
        run_id,
    )
    drives = product.value("SELECT count(*) FROM drives WHERE run_id = %s AND fence IS NOT NULL", run_id)
    with capsys.disabled():
        print(f"\nThe database was gone for {OUTAGE_SECONDS:.0f} s; the next item was done {resumed:.1f} s after its")
        print(f"return, the first page answered after {page_seconds:.1f} s; {drives} drives, {unknown} unknown calls,")
        print(f"{len(saving.saved)} things saved around it, none lost")
    assert max(resumed, page_seconds) <= BACK_WITHIN_SECONDS
