"""Two recruiters screen many people each at once, a third browses, and processes die in the middle."""

import csv
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, expect

from pages import ids
from tests.faults.rig import alongside
from tests.fixtures.app import Caller, post_sign_in, wait_until
from tests.fixtures.product import ANA, BEN, MIA, Product
from tests.intensity import IS_TORTURE
from tests.journeys.accounts_of import charges_agree, unknown_calls
from tests.journeys.walking import PICTURES, Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PEOPLE = 1_000 if IS_TORTURE else 300
RUN_SECONDS = 150
RESUMED_WITHIN_SECONDS = 15.0  # 8 of lease, 2 of sweep, the start of an interpreter, and a call
MOST_IN_FLIGHT = 400  # the setting RUN_IN_FLIGHT
UNKNOWN_CALLS = PICTURES / "many-people" / "unknown-calls.txt"
BRIEF = "# role\nBuilds things.\n# must\n1+ years of work\nWorked with software\n"
WORDS = ("engineer", "python OR java", "manager -sales", "data*", "")
GRID = f"{ids.CANDIDATES_GRID}.getRowsResponse"


@dataclass
class Browsing:
    """Somebody who looks at the table again and again, and how long each look took."""

    product: Product
    email: str
    seconds: list[float] = field(default_factory=list)
    retried: int = 0
    errors: list[str] = field(default_factory=list)

    def browse(self, over: threading.Event) -> None:
        dice = random.Random(1)
        with Caller(self.product.url, f"csrf_{self.product.url.rsplit(':', 1)[1]}") as caller:
            assert post_sign_in(caller, self.product.url, self.email, self.product.password).status_code == 303
            caller.get(f"{self.product.url}/")
            for start in count(step=100):
                if over.wait(0.1):
                    return
                self.look(caller, start % 1_000, dice.choice(WORDS))

    def look(self, caller: Caller, start: int, words: str) -> None:
        """One block; a connection that a killed worker dropped is asked again, as the page does."""
        body = block_request(start, words)
        began = time.monotonic()
        for attempt in range(3):
            try:
                answer = caller.callback(body)
            except requests.ConnectionError as error:
                self.retried += 1
                if attempt == 2:
                    self.errors.append(repr(error))
                continue
            if answer.status_code != 200 or '"rowData"' not in answer.text:
                self.errors.append(f"{answer.status_code}: {answer.text[:200]}")
            self.seconds.append(time.monotonic() - began)
            return


def block_request(start: int, words: str) -> dict[str, Any]:
    request = {"startRow": start, "endRow": start + 100, "sortModel": [], "filterModel": {}}
    return {
        "output": GRID,
        "outputs": {"id": ids.CANDIDATES_GRID, "property": "getRowsResponse"},
        "inputs": [{"id": ids.CANDIDATES_GRID, "property": "getRowsRequest", "value": request}],
        "state": [{"id": ids.CANDIDATES_VIEW, "property": "data", "value": f"q={words}"}],
        "changedPropIds": [f"{ids.CANDIDATES_GRID}.getRowsRequest"],
    }


@dataclass(frozen=True)
class Order:
    """One recruiter's people, and what for."""

    walker: Walker
    email: str
    list_id: str
    position_id: str

    def start(self) -> None:
        page = self.walker.page
        self.walker.sign_in(self.email, path=f"/screening?position={self.position_id}&list={self.list_id}")
        page.get_by_label("Mark nice-to-haves").uncheck()
        expect(page.locator("#screening-quote")).to_contain_text(f"{PEOPLE:,} people")
        page.get_by_role("button", name="Start screening").click()
        self.walker.notice(f"Screening {PEOPLE:,} people")

    def run_id(self) -> Any:
        return self.walker.product.value("SELECT id FROM runs WHERE list_id = %s", self.list_id)


def many_people(product: Product, walker: Walker, email: str, first: int, folder: Path) -> Order:
    name = f"Many of {walker.name} {uuid4().hex[:4]}"
    path, brief = folder / f"{name}.csv", folder / f"{walker.name}.txt"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["linkedin_url", "first_name", "last_name", "title", "company"])
        for person in product.simulators.people(first, PEOPLE):
            names = [person["first_name"], person["last_name"], person["title"] or "Engineer", person["company"]]
            writer.writerow([person["linkedin_url"], *names])
    brief.write_text(BRIEF)
    imported = product.command("import", str(path), "--user", email, "--list", name)
    position = product.command(
        "positions", "add", "--user", email, "--title", name, "--brief-file", str(brief), "--approve"
    )
    return Order(walker, email, imported["list_id"], position["position_id"])


def done(product: Product, run_id: Any) -> int:
    settled: int = product.value("SELECT done FROM runs WHERE id = %s", run_id)
    return settled


def test_many_people_are_screened_while_processes_die(browser: Browser, product: Product, tmp_path: Path) -> None:
    with walkers(browser, product, "many-people", "ana", "ben") as (ana, ben):
        orders = [many_people(product, ana, ANA, 20_000, tmp_path), many_people(product, ben, BEN, 30_000, tmp_path)]
        unknown_before = set(unknown_calls(product))
        browsing = Browsing(product, MIA)
        with alongside(browsing.browse):
            for order in orders:
                order.start()
            runs = [order.run_id() for order in orders]
            began = time.monotonic()
            wait_until(lambda: all(done(product, run_id) >= PEOPLE // 20 for run_id in runs), 60, product.logs)
            workers = product.web_workers()
            assert len(workers) == 2
            workers[0].send_signal(signal.SIGKILL)
            wait_until(lambda: done(product, runs[0]) >= PEOPLE // 7, 60, product.logs)
            driver = product.drivers(runs[0])[0]
            killed_at = product.value("SELECT clock_timestamp()")
            os.kill(driver.pid, signal.SIGKILL)
            wait_until(lambda: all(has_ended(product, run_id) for run_id in runs), RUN_SECONDS, product.logs)
            took = time.monotonic() - began
        for order in orders:
            expect(order.walker.page.locator(".run-panel .chip").first).to_have_text("Finished", timeout=20_000)
        assert len(product.web_workers()) == 2, "the killed worker has a successor"
        unknown = set(unknown_calls(product)) - unknown_before
        resumed = seconds_to_next_result(product, runs[0], killed_at)
        figures = (
            f"{2 * PEOPLE:,} people in {took:.0f} s; {len(browsing.seconds)} looks at the table meanwhile,\n"
            f"p95 {quantiles(browsing.seconds, n=20)[-1] * 1000:.0f} ms, {browsing.retried} retried;\n"
            f"the killed job's run had its next result after {resumed:.1f} s;\n"
            f"{len(unknown)} calls of unknown outcome, listed in {UNKNOWN_CALLS.name}\n"
        )
        UNKNOWN_CALLS.parent.mkdir(parents=True, exist_ok=True)
        UNKNOWN_CALLS.write_text("\n".join(sorted(unknown)))
        UNKNOWN_CALLS.with_name("figures.txt").write_text(figures)
        assert len(unknown) <= MOST_IN_FLIGHT, "only what was under way at the kill can be unknown"
        assert resumed <= RESUMED_WITHIN_SECONDS
        assert browsing.errors == []
        for run_id in runs:
            assert results_of(product, run_id) == []
        assert charges_agree(product) == []
        assert not product.simulators.excess("openai")["exceeded"]
        for order in orders:
            order.walker.step("finished")


def seconds_to_next_result(product: Product, run_id: Any, killed_at: Any) -> float:
    """From a driver's death to the first item that its successor settled, on the database's clock."""
    seconds: float = product.value(
        "SELECT extract(epoch FROM min(i.settled_at) - %s)::float8 FROM run_items i WHERE i.run_id = %s"
        " AND i.state = 'done' AND i.settled_at > (SELECT min(e.at) FROM run_events e"
        " WHERE e.run_id = i.run_id AND e.event = 'driver' AND e.at > %s)",
        killed_at,
        run_id,
        killed_at,
    )
    return seconds


def has_ended(product: Product, run_id: Any) -> bool:
    ended: bool = product.value("SELECT finished_at IS NOT NULL FROM runs WHERE id = %s", run_id)
    return ended


def results_of(product: Product, run_id: Any) -> list[str]:
    """What is wrong with the results of an ended run: everybody has exactly one, whatever died on the way."""
    state, items, finished = product.rows("SELECT state, items, done + skipped FROM runs WHERE id = %s", run_id)[0]
    people, screenings = product.rows(
        "SELECT count(DISTINCT candidate_id), count(*) FROM screenings WHERE run_id = %s", run_id
    )[0]
    skipped = product.value("SELECT skipped FROM runs WHERE id = %s", run_id)
    found = []
    if (state, items, finished) != ("succeeded", PEOPLE, PEOPLE):
        found.append(f"the run is {state} with {finished} of {items}")
    if not people == screenings == PEOPLE - skipped:
        found.append(f"{screenings} verdicts for {people} people")
    return found
