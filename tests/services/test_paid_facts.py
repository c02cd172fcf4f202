"""Paid facts on real PostgreSQL, bought from the simulated Crustdata with the real client under the real limiter."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import Lane, Limiter, LocalStore, Permit, no_past
from services.clock import SystemClock
from services.db.paid_facts import Source
from services.db.pool import Database
from services.domain.actors import Actor
from services.paid_facts import Fact, FactKind, PaidFacts, Request, Sold, request_hash
from services.providers.crustdata import ENRICH, PROVIDER, Crustdata, client
from services.providers.errors import BadAnswer, NoCredit, UnknownOutcome
from services.settings import Settings
from services.simulators import Simulators
from services.simulators.world import outline, profile_url
from services.wiring import policies_of
from tests.faults.rig import at_once, until
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]
PROFILE = FactKind(Source(PROVIDER, ENRICH), fresh_seconds=3600, most_seconds=5)


@dataclass
class Profiles:
    """Sells profiles with the product's client; `seen` are the addresses of each call that left."""

    crustdata: Crustdata
    limiter: Limiter
    lane: Lane
    seen: list[list[str]] = field(default_factory=list)

    def turn(self) -> Permit:
        return self.limiter.acquire_blocking(self.lane, {"enriches": 1})

    def sell(self, requests: Sequence[Request]) -> Sequence[Sold]:
        urls = [str(request["url"]) for request in requests]
        self.seen.append(urls)
        answer = self.crustdata.enrich(urls)
        found = {person.asked_url: person.payload for person in answer.people}
        return [Sold({"person": found.get(url)}, Decimal(int(url in found))) for url in urls]


@pytest.fixture
def seller(simulators: Simulators, tmp_path: Path) -> Iterator[Profiles]:
    simulators.limits(crustdata_enrich=None)
    policy = policies_of(Settings(CRUSTDATA_ENRICHES_PER_MINUTE=600))[PROVIDER]
    limiter = Limiter(LocalStore(tmp_path / "limiter.sqlite3"), policy, history=no_past)
    crustdata = client(simulators.crustdata_url, "simulated-key")
    yield Profiles(crustdata, limiter, Lane("org", "user"))
    crustdata.http.close()
    limiter.close()


@pytest.fixture
def facts(database: Database) -> PaidFacts:
    return PaidFacts(database, SystemClock())


@pytest.fixture
def wanted() -> list[Request]:
    """Six people of the simulators' world whose entries are complete."""
    people = [outline(1, number) for number in range(200)]
    plain = [one for one in people if not one.quirk and not one.messes]
    return [{"url": profile_url(one.slug)} for one in plain[:6]]


def buyer_gone(superuser: Superuser) -> None:
    superuser.execute("UPDATE paid_facts SET lease_until = clock_timestamp()")


def test_two_who_ask_at_the_same_moment_pay_once_and_both_are_told_who(
    facts: PaidFacts, seller: Profiles, simulators: Simulators, team: Team, wanted: list[Request]
) -> None:
    simulators.faults(latency=[{"provider": "crustdata", "route": "*", "distribution": 0.3}])
    barrier = threading.Barrier(6)

    def ask(actor: Actor) -> list[Fact]:
        barrier.wait()
        return facts.ask(actor, PROFILE, wanted[:1], seller)

    people = [team.recruiter, team.colleague, team.manager] * 2
    got = [one for (one,) in at_once([partial(ask, actor) for actor in people])]
    assert len(simulators.ledger("crustdata")) == 1
    assert all(one.answer == got[0].answer and one.answer["person"] for one in got)
    assert len({(one.paid_by, one.paid_by_name) for one in got}) == 1
    assert [one.is_new for one in got].count(True) == 1


def test_a_fresh_answer_is_free_and_a_stale_one_is_bought_anew(
    facts: PaidFacts, seller: Profiles, superuser: Superuser, simulators: Simulators, team: Team, wanted: list[Request]
) -> None:
    (first,) = facts.ask(team.recruiter, PROFILE, wanted[:1], seller)
    (second,) = facts.ask(team.colleague, PROFILE, wanted[:1], seller)
    assert (second.answer, second.paid_by_name, second.is_new) == (first.answer, "Ana Recruiter", False)
    assert len(seller.seen) == 1
    superuser.execute("UPDATE paid_facts SET expires_at = clock_timestamp()")
    (third,) = facts.ask(team.colleague, PROFILE, wanted[:1], seller)
    assert (third.paid_by_name, third.is_new) == ("Ben Recruiter", True)
    assert sum(call["credits"] for call in simulators.ledger("crustdata")) == 2


def test_no_answer_crosses_an_organization(
    facts: PaidFacts, seller: Profiles, team: Team, rivals: Team, wanted: list[Request]
) -> None:
    facts.ask(team.recruiter, PROFILE, wanted[:1], seller)
    (theirs,) = facts.ask(rivals.recruiter, PROFILE, wanted[:1], seller)
    assert theirs.is_new and theirs.paid_by == rivals.recruiter.user_id and len(seller.seen) == 2


def test_batches_that_overlap_buy_each_fact_once(
    facts: PaidFacts, seller: Profiles, simulators: Simulators, team: Team, wanted: list[Request]
) -> None:
    simulators.faults(latency=[{"provider": "crustdata", "route": "*", "distribution": 0.2}])
    batches = [wanted[:4], wanted[2:], [*reversed(wanted)], [wanted[0], wanted[0]]]
    got = at_once([partial(facts.ask, team.recruiter, PROFILE, batch, seller) for batch in batches])
    asked = [url for call in seller.seen for url in call]
    assert sorted(asked) == sorted(str(request["url"]) for request in wanted)
    alone = {request_hash(r): facts.ask(team.colleague, PROFILE, [r], seller)[0].answer for r in wanted}
    assert [[fact.answer for fact in one] for one in got] == [[alone[request_hash(r)] for r in b] for b in batches]


def test_a_refusal_costs_nothing_and_the_next_one_may_ask(
    facts: PaidFacts, seller: Profiles, simulators: Simulators, team: Team, wanted: list[Request]
) -> None:
    simulators.faults({"provider": "crustdata", "times": 1, "outcome": {"kind": "status", "status": 402}})
    with pytest.raises(NoCredit):
        facts.ask(team.recruiter, PROFILE, wanted[:1], seller)
    (fact,) = facts.ask(team.colleague, PROFILE, wanted[:1], seller)
    assert fact.is_new and not fact.is_in_doubt


@pytest.mark.parametrize(("outcome", "error"), [("drop_before_head", UnknownOutcome), ("broken_json", BadAnswer)])
def test_a_lost_answer_is_not_asked_again_until_somebody_says_so(
    facts: PaidFacts,
    seller: Profiles,
    simulators: Simulators,
    team: Team,
    wanted: list[Request],
    outcome: str,
    error: type[Exception],
) -> None:
    simulators.faults({"provider": "crustdata", "times": 1, "outcome": outcome})
    with pytest.raises(error):
        facts.ask(team.recruiter, PROFILE, wanted[:1], seller)
    (doubtful,) = facts.ask(team.colleague, PROFILE, wanted[:1], seller)
    assert doubtful.is_in_doubt and doubtful.paid_by_name == "Ana Recruiter" and len(seller.seen) == 1
    (bought,) = facts.ask(team.colleague, PROFILE, wanted[:1], seller, pay_again=True)
    assert bought.is_new and not bought.is_in_doubt and len(seller.seen) == 2
    assert not facts.ask(team.recruiter, PROFILE, wanted[:1], seller)[0].is_in_doubt


def test_where_a_repeat_is_free_a_lost_answer_is_asked_again_at_once(
    facts: PaidFacts, seller: Profiles, simulators: Simulators, team: Team, wanted: list[Request]
) -> None:
    simulators.faults({"provider": "crustdata", "times": 1, "outcome": "drop_before_head"})
    kind = FactKind(PROFILE.source, 3600, 5, repeats_are_free=True)
    with pytest.raises(UnknownOutcome):
        facts.ask(team.recruiter, kind, wanted[:1], seller)
    assert facts.ask(team.colleague, kind, wanted[:1], seller)[0].is_new


BUYER = """
import sys
from uuid import UUID
from services.clock import SystemClock
from services.db.pool import Database
from services.domain.actors import Actor, Role
from services.paid_facts import PaidFacts
from tests.services.test_paid_facts import NeverAnswered, PROFILE
url, user, org, wanted = sys.argv[1:]
actor = Actor(UUID(user), UUID(org), Role.RECRUITER)
PaidFacts(Database(url), SystemClock()).ask(actor, PROFILE, [{"url": wanted}], NeverAnswered())
"""


class NeverAnswered:
    """A provider that takes the call and says nothing."""

    def turn(self) -> "NeverAnswered":
        return self

    def __enter__(self) -> "NeverAnswered":
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def is_valid(self) -> bool:
        return True

    def give_back(self) -> None:
        return None

    def sell(self, requests: Sequence[Request]) -> Sequence[Sold]:
        threading.Event().wait(60)
        return []


def test_a_buyer_that_is_killed_blocks_nobody_for_longer_than_its_lease(
    facts: PaidFacts, seller: Profiles, superuser: Superuser, urls: Urls, team: Team, wanted: list[Request]
) -> None:
    arguments = [urls.login, str(team.colleague.user_id), str(team.org_id), str(wanted[0]["url"])]
    buyer = subprocess.Popen([sys.executable, "-c", BUYER, *arguments])
    until(lambda: superuser.execute("SELECT 1 FROM paid_facts WHERE state = 'sent'").fetchone())
    buyer.kill()
    buyer.wait()
    got: list[Fact] = []
    waiter = threading.Thread(target=lambda: got.extend(facts.ask(team.recruiter, PROFILE, wanted[:1], seller)))
    waiter.start()
    superuser.execute("UPDATE paid_facts SET lease_until = clock_timestamp() + interval '300 ms'")
    waiter.join(10)
    assert [(one.is_in_doubt, one.paid_by_name) for one in got] == [(True, "Ben Recruiter")] and seller.seen == []


def test_a_late_answer_ends_the_doubt_unless_somebody_paid_again(
    facts: PaidFacts, seller: Profiles, superuser: Superuser, team: Team, wanted: list[Request]
) -> None:
    def answers_late(requests: Sequence[Request], *, paid_again: bool) -> Sequence[Sold]:
        buyer_gone(superuser)
        assert facts.ask(team.colleague, PROFILE, requests, seller, pay_again=paid_again)[0].is_in_doubt != paid_again
        return [Sold({"person": "late"}, Decimal(1))]

    for paid_again, request in ((False, wanted[0]), (True, wanted[1])):
        late = NeverAnswered()
        late.sell = partial(answers_late, paid_again=paid_again)  # type: ignore[method-assign]  # this one answers
        (mine,) = facts.ask(team.recruiter, PROFILE, [request], late)
        (others,) = facts.ask(team.manager, PROFILE, [request], seller)
        assert mine.answer == {"person": "late"} and (others.answer == mine.answer) != paid_again
    assert len(seller.seen) == 1


def test_wiping_the_table_costs_at_most_one_more_call(
    facts: PaidFacts, seller: Profiles, superuser: Superuser, team: Team, wanted: list[Request]
) -> None:
    def wiped_meanwhile(requests: Sequence[Request]) -> Sequence[Sold]:
        superuser.execute("DELETE FROM paid_facts")
        return [Sold({"person": "kept"}, Decimal(1))]

    unlucky = NeverAnswered()
    unlucky.sell = wiped_meanwhile  # type: ignore[method-assign]  # as above
    facts.ask(team.recruiter, PROFILE, wanted[:1], unlucky)
    assert facts.ask(team.colleague, PROFILE, wanted[:1], seller)[0].answer == {"person": "kept"}
    superuser.execute("DELETE FROM paid_facts")
    facts.ask(team.colleague, PROFILE, wanted[:1], seller)
    assert len(seller.seen) == 1


def test_an_organization_keeps_a_bounded_number_of_facts_and_none_that_expired(
    database: Database, seller: Profiles, superuser: Superuser, team: Team, rivals: Team, wanted: list[Request]
) -> None:
    facts = PaidFacts(database, SystemClock(), most_facts=3)
    facts.ask(rivals.recruiter, PROFILE, wanted[:1], seller)
    for request in wanted:
        facts.ask(team.recruiter, PROFILE, [request], seller)
    kept = "SELECT count(*) FILTER (WHERE org_id = %s), count(*) FILTER (WHERE org_id = %s) FROM paid_facts"
    assert superuser.execute(kept, [team.org_id, rivals.org_id]).fetchone() == (3, 1)
    superuser.execute("UPDATE paid_facts SET expires_at = clock_timestamp()")
    facts.ask(team.recruiter, PROFILE, wanted[:1], seller)
    assert superuser.execute(kept, [team.org_id, rivals.org_id]).fetchone() == (1, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=5), st.randoms())
def test_the_order_of_a_requests_parts_does_not_matter(request: dict[str, Any], dice: Any) -> None:
    parts = list(request.items())
    dice.shuffle(parts)
    assert request_hash(dict(parts)) == request_hash(request)
    assert request_hash({**request, "one more": 1}) != request_hash(request)
