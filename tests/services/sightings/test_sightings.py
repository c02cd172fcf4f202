"""One contract over both stores of sightings: what is seen, passes, is wiped, and never crosses organizations."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.team import Sighting
from services.sightings import MOST_READ, Sightings, SightingsUnavailable
from services.sightings.local import LocalSightings
from services.sightings.redis import RedisSightings
from tests.fixtures.app import wait_until
from tests.fixtures.redis import RedisServer

ORG, OTHER = UUID(int=1), UUID(int=2)
ANA, BEN = UUID(int=11), UUID(int=12)
Make = Callable[[float], Sightings]


@pytest.fixture(params=["local", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> Iterator[Make]:
    """Opens the same store anew each time, as each process does."""
    opened: list[Sightings] = []
    prefix = f"test:{uuid4()}:"

    def open_one(lasts_seconds: float) -> Sightings:
        store: Sightings = (
            LocalSightings(tmp_path / "presence.sqlite3", lasts_seconds)
            if request.param == "local"
            else RedisSightings(redis_server.url, prefix, lasts_seconds)
        )
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


def test_a_person_is_where_they_looked_last_whichever_process_noted_it(make: Make) -> None:
    one, other = make(30), make(30)
    one.note(ORG, ANA, "screening")
    other.note(ORG, BEN, "lists")
    other.note(ORG, ANA, "home")
    assert one.latest(ORG) == other.latest(ORG)
    assert {(seen.user_id, seen.place) for seen in one.latest(ORG)} == {(ANA, "home"), (BEN, "lists")}


def test_who_signs_out_is_gone_at_once_and_nobody_else_is(make: Make) -> None:
    store = make(30)
    store.forget(ORG, ANA)
    store.note(ORG, ANA, "home")
    store.note(ORG, BEN, "home")
    store.note(OTHER, ANA, "home")
    store.forget(ORG, ANA)
    assert [seen.user_id for seen in store.latest(ORG)] == [BEN]
    assert [seen.user_id for seen in store.latest(OTHER)] == [ANA]


def test_a_sighting_passes_by_itself_and_a_new_one_keeps_it(make: Make) -> None:
    brief, lasting = make(0.15), make(30)
    brief.note(ORG, ANA, "home")
    lasting.note(ORG, BEN, "home")
    wait_until(lambda: [seen.user_id for seen in lasting.latest(ORG)] == [BEN], 5)


def test_organizations_do_not_see_each_other(make: Make) -> None:
    store = make(30)
    store.note(ORG, ANA, "home")
    assert store.latest(OTHER) == []
    store.note(OTHER, BEN, "lists")
    assert [seen.user_id for seen in store.latest(ORG)] == [ANA]
    assert [seen.user_id for seen in store.latest(OTHER)] == [BEN]


def test_a_look_is_bounded_however_many_are_here(make: Make) -> None:
    store = make(30)
    for number in range(MOST_READ + 5):
        store.note(ORG, UUID(int=number), "home")
    seen = store.latest(ORG)
    assert len(seen) == MOST_READ and seen[0].user_id.int > 5, "who was seen first is left out"


def test_twenty_threads_note_and_look_at_once(make: Make) -> None:
    store = make(30)
    failures: list[Exception] = []

    def person(number: int) -> None:
        try:
            for _ in range(5):
                store.note(ORG, UUID(int=number), str(number))
                assert Sighting(UUID(int=number), str(number)) in store.latest(ORG)
        except (SightingsUnavailable, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=person, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(store.latest(ORG)) == 20


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["note", "forget"]), st.sampled_from([ORG, OTHER]), st.sampled_from([ANA, BEN]),
                  st.text("abc ", max_size=5)),
        max_size=12,
    )
)  # fmt: skip
def test_whatever_was_noted_last_is_what_is_told(make: Make, acts: list[tuple[str, UUID, UUID, str]]) -> None:
    store = make(30)
    for org in (ORG, OTHER):
        for person in (ANA, BEN):
            store.forget(org, person)
    expected: dict[UUID, dict[UUID, str]] = {ORG: {}, OTHER: {}}
    for act, org, person, place in acts:
        if act == "note":
            store.note(org, person, place)
            expected[org][person] = place
        else:
            store.forget(org, person)
            expected[org].pop(person, None)
    for org, people in expected.items():
        assert {seen.user_id: seen.place for seen in store.latest(org)} == people
    store.close()


def test_a_file_that_is_wiped_broken_or_replaced_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "presence.sqlite3"
    store = LocalSightings(path)
    store.note(ORG, ANA, "home")
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    assert store.latest(ORG) == []
    store.note(ORG, ANA, "home")
    path.with_name("other").write_bytes(b"this is no database" * 100)
    path.with_name("other").replace(path)
    with pytest.raises(SightingsUnavailable):
        store.note(ORG, BEN, "home")
    store.note(ORG, BEN, "home")
    assert [seen.user_id for seen in store.latest(ORG)] == [BEN]
    store.close()


def test_a_file_holds_one_row_a_person_and_clears_what_has_passed(tmp_path: Path) -> None:
    now = [1000.0]
    store = LocalSightings(tmp_path / "presence.sqlite3", 30, clock=lambda: now[0])
    for place in range(50):
        store.note(ORG, ANA, str(place))
    for number in range(100):
        store.note(ORG, UUID(int=number), "home")
    now[0] += 31
    for _ in range(100):
        store.note(ORG, ANA, "home")
    assert store._connect().execute("SELECT count(*) FROM sighting").fetchone() == (1,)
    now[0] -= 500
    assert store.latest(ORG) == [], "what lies further ahead than anything lasts is from another boot"
    store.close()


def test_a_child_of_a_fork_opens_the_file_itself(tmp_path: Path) -> None:
    store = LocalSightings(tmp_path / "presence.sqlite3")
    store.note(ORG, ANA, "home")
    before = store._opened
    assert before is not None and before[2] == os.getpid()
    store._opened = (before[0], before[1], before[2] + 1)
    inherited = store._connection
    store.note(ORG, BEN, "home")
    assert store._connection is not inherited
    store.close()


def test_redis_keeps_two_keys_an_organization_which_pass_by_themselves(empty_redis: RedisServer) -> None:
    store = RedisSightings(empty_redis.url, "p:", 30)
    for number in range(20):
        store.note(ORG, UUID(int=number), "home")
    with redis.Redis.from_url(empty_redis.url) as client:
        keys = client.keys("*")
        assert len(keys) == 2 and all(0 < client.pttl(key) <= 30_000 for key in keys)
        client.flushall()
    assert store.latest(ORG) == []
    store.close()


def test_redis_clears_those_who_passed_while_others_stay(empty_redis: RedisServer) -> None:
    brief, lasting = RedisSightings(empty_redis.url, "p:", 0.05), RedisSightings(empty_redis.url, "p:", 30)
    lasting.note(ORG, BEN, "home")
    for number in range(20):
        brief.note(ORG, UUID(int=number), "home")
    lasting.note(ORG, BEN, "home")
    with redis.Redis.from_url(empty_redis.url) as client:
        [places] = [key for key in client.keys("*") if key.endswith(b"places")]

        def only_ben_is_kept() -> bool:
            lasting.note(ORG, BEN, "home")
            return client.hlen(places) == 1

        wait_until(only_ben_is_kept, 5)
    brief.close()
    lasting.close()


def test_a_store_that_is_away_says_so_soon() -> None:
    store = RedisSightings("redis://127.0.0.1:1/0")
    for ask in (lambda: store.note(ORG, ANA, "home"), lambda: store.forget(ORG, ANA), lambda: store.latest(ORG)):
        with pytest.raises(SightingsUnavailable):
            ask()
