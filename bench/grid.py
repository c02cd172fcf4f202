"""The grid at 1,000,000 people: each block through the callback against the same SQL written by hand.

Run with `python -m bench.grid`. The people are made once, under SOURCINGX_HOME (docs/decisions/search.md).
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from unittest.mock import patch

import psycopg

from bench.people import BenchPeople, open_people
from callbacks import candidates as callback
from pages.parts.candidate_table import BLOCK
from services.candidates import Candidates
from services.clock import SystemClock
from services.domain.actors import Actor
from services.domain.candidate_view import Filters, View, show_view
from services.settings import load_settings

ROUNDS = 100
RATIO, MOST_MS = 3.0, 100.0
COLUMNS = (
    "c.id, c.full_name, c.title, c.company, c.location, c.role_start, c.industry_months, c.email <> '',"
    " c.enrichment, c.source, c.created_at, c.updated_at"
)


@dataclass(frozen=True)
class Question:
    """One query of the bench: the view, where its block begins, and the same by hand."""

    name: str
    view: View
    where: str
    order: str
    first: int = 0
    small: bool = False


@dataclass(frozen=True)
class Timing:
    """Milliseconds of each round."""

    ours: list[float]
    bare: list[float]

    def p95(self, samples: list[float]) -> float:
        return statistics.quantiles(samples, n=20)[-1]

    @property
    def ratio(self) -> float:
        return self.p95(self.ours) / self.p95(self.bare)


@dataclass(frozen=True)
class BenchServices:
    """As much of the services as one block needs."""

    candidates: Candidates
    clock: SystemClock


def questions(people: BenchPeople) -> list[Question]:
    """The very queries of the promise: every order, every kind of filter, near the top and far down."""
    by_name = "c.name_key, c.id"

    def words(query: str) -> str:
        return f"c.words @@ $q$'org:%(number)s' & ({query})$q$::tsquery"

    filters = Filters
    return [
        Question("everybody by name", View(), "true", by_name),
        Question("everybody by newest", View(sort="added", descending=True), "true", "c.created_at DESC, c.id DESC"),
        Question("everybody by experience", View(sort="experience"), "true", "c.industry_months, c.id"),
        Question("by name, row 900,000", View(), "(c.name_key, c.id) > (%(key)s, %(id)s)", by_name, first=900_000),
        Question("a common word", View("python"), words("'python'"), by_name),
        Question("a rarer word", View("haskell"), words("'haskell'"), by_name),
        Question(
            "three words", View("verilog photonics simulink"), words("'verilog' & 'photonics' & 'simulink'"), by_name
        ),
        Question("only NOT", View("NOT python"), words("!'python'"), by_name),
        Question("a phrase", View('"machine learning"'), words("'machine' <-> 'learning'"), by_name),
        Question("a prefix", View("photon*"), words("'photon':*"), by_name),
        Question("nobody", View("xyzzy"), words("'xyzzy'"), by_name),
        Question("title begins", View(filters=filters(title="senior")), words("'title:senior':*"), by_name),
        Question(
            "title and company begin",
            View(filters=filters(title="data eng", company="bako")),
            words("'title:data':* & 'title:eng':* & 'company:bako':*"),
            by_name,
        ),
        Question("e-mail known", View(filters=filters(has_email=True)), "c.email <> ''", by_name),
        Question("failed", View(filters=filters(enrichment=("failed",))), "c.enrichment IN ('failed')", by_name),
        Question(
            "enriched, newest first",
            View(filters=filters(enrichment=("enriched",)), sort="added", descending=True),
            "c.enrichment IN ('enriched')",
            "c.created_at DESC, c.id DESC",
        ),
        Question(
            "2 to 5 years",
            View(filters=filters(months_from=24, months_until=60)),
            "c.industry_months BETWEEN 24 AND 60",
            by_name,
        ),
        Question(
            "added this year, oldest first",
            View(filters=filters(added_from=date(2026, 1, 1)), sort="added"),
            "c.created_at >= '2026-01-01'",
            "c.created_at, c.id",
        ),
        Question(
            "on a list of 500",
            View(filters=filters(list_id=people.short_list)),
            f"c.id IN (SELECT candidate_id FROM list_members WHERE list_id = '{people.short_list}')",
            by_name,
        ),
        Question(
            "on a list of 50,000",
            View(filters=filters(list_id=people.long_list)),
            f"c.id IN (SELECT candidate_id FROM list_members WHERE list_id = '{people.long_list}')",
            by_name,
        ),
        Question("2,000 people: a word", View("python"), words("'python'"), by_name, small=True),
        Question("2,000 people: everybody", View(), "true", by_name, small=True),
    ]


def measure(question: Question, people: BenchPeople, bare: psycopg.Connection[tuple[object, ...]]) -> Timing:
    """Ours and bare in turn, so that a busy moment meets both; the first round of each warms up."""
    who = people.small if question.small else people.large
    services = BenchServices(Candidates(people.database(), SystemClock()), SystemClock())
    request = {"startRow": question.first, "endRow": question.first + BLOCK, "sortModel": []}
    text = show_view(question.view)
    where = question.where.replace("%(number)s", str(org_number(bare, who)))
    query = f"SELECT {COLUMNS} FROM candidates c WHERE c.org_id = %(org)s AND {where}"
    query += f" ORDER BY {question.order} LIMIT {BLOCK}"
    parameters = {"org": who.org_id, **row_before(bare, who, question.first)}
    ours, by_hand = [], []
    with patch.object(callback, "actor", lambda: who), patch.object(callback, "current", lambda: services):
        for round_number in range(ROUNDS + 1):
            one = milliseconds(lambda: callback.show_block(request, text))
            other = milliseconds(lambda: bare.execute(query.encode(), parameters).fetchall())
            if round_number:
                ours.append(one)
                by_hand.append(other)
    services.candidates.database.close()
    return Timing(ours, by_hand)


def org_number(bare: psycopg.Connection[tuple[object, ...]], who: Actor) -> object:
    row = bare.execute("SELECT number FROM organizations WHERE id = %s", [who.org_id]).fetchone()
    assert row is not None
    return row[0]


def row_before(bare: psycopg.Connection[tuple[object, ...]], who: Actor, first: int) -> dict[str, object]:
    """The row that a block by hand starts behind, as somebody who knows it would write it."""
    if not first:
        return {}
    row = bare.execute(
        "SELECT name_key, id FROM candidates WHERE org_id = %s ORDER BY name_key, id OFFSET %s LIMIT 1",
        [who.org_id, first - 1],
    ).fetchone()
    assert row is not None
    return {"key": row[0], "id": row[1]}


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def first_jump(people: BenchPeople, bare: psycopg.Connection[tuple[object, ...]]) -> float:
    """How long the first block far down takes, when no anchor leads there."""
    bare.execute("TRUNCATE searches CASCADE")
    candidates = Candidates(people.database(), SystemClock())
    taken = milliseconds(lambda: candidates.block(people.large, View(), 900_000, 900_000 + BLOCK))
    candidates.database.close()
    return taken


def cpu_of_a_block(people: BenchPeople) -> float:
    """Milliseconds of this process's own CPU for one block, rows built."""
    services = BenchServices(Candidates(people.database(), SystemClock()), SystemClock())
    request = {"startRow": 0, "endRow": BLOCK, "sortModel": []}
    with patch.object(callback, "actor", lambda: people.large), patch.object(callback, "current", lambda: services):
        callback.show_block(request, "")
        started = time.process_time()
        for _ in range(100):
            callback.show_block(request, "")
        taken = (time.process_time() - started) * 10
    services.candidates.database.close()
    return taken


def show(name: str, timing: Timing) -> None:
    p95, bare_p95 = timing.p95(timing.ours), timing.p95(timing.bare)
    holds = p95 <= MOST_MS and timing.ratio <= RATIO
    print(
        f"{name:32} {statistics.median(timing.ours):7.1f} {p95:7.1f} {statistics.median(timing.bare):9.1f}"
        f" {bare_p95:9.1f} {timing.ratio:6.2f} {'' if holds else 'MISSED'}"
    )


def main() -> None:
    postgres, people = open_people(load_settings().home_path / "bench" / "grid")
    print(f"{'query':32} {'p50':>7} {'p95':>7} {'bare p50':>9} {'bare p95':>9} {'ratio':>6}")
    with psycopg.connect(people.superuser_url, autocommit=True) as bare:
        print(f"first block at row 900,000, no anchor yet: {first_jump(people, bare):.0f} ms")
        together = Timing([], [])
        for question in questions(people):
            timing = measure(question, people, bare)
            show(question.name, timing)
            together.ours.extend(timing.ours)
            together.bare.extend(timing.bare)
        show("all blocks together", together)
    print(f"own CPU of one block: {cpu_of_a_block(people):.2f} ms")
    postgres.stop()


if __name__ == "__main__":
    main()
