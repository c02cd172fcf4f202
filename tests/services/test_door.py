"""The door for network addresses, on the real limiter."""

import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import LocalStore, MemoryStore, Policy
from ratelimit.messages import Message, Reply
from ratelimit.stores.redis import RedisStore
from services.accounts import TooManyAttempts
from services.door import MOST_VISITORS, AddressDoor, RequestDoor, TooManyRequests, neighbourhood
from services.errors import Busy
from tests.fixtures.app import wait_until
from tests.fixtures.redis import RedisServer


def fail_to_sign_in(door: AddressDoor, address: str) -> None:
    with door.knock(address):
        pass


def test_failures_close_the_door_for_one_address_only(tmp_path: Path) -> None:
    door = AddressDoor(LocalStore(tmp_path / "door.sqlite3"), failures_allowed=3)
    for _ in range(3):
        fail_to_sign_in(door, "192.0.2.1")
    with pytest.raises(TooManyAttempts) as refused:
        fail_to_sign_in(door, "192.0.2.1")
    assert 0 < refused.value.retry_after <= 901
    fail_to_sign_in(door, "192.0.2.2")


def test_two_workers_count_together(tmp_path: Path) -> None:
    path = tmp_path / "door.sqlite3"
    for _ in range(2):
        fail_to_sign_in(AddressDoor(LocalStore(path), failures_allowed=2), "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        fail_to_sign_in(AddressDoor(LocalStore(path), failures_allowed=2), "192.0.2.1")


def test_what_succeeds_does_not_count() -> None:
    door = AddressDoor(MemoryStore(), failures_allowed=2)
    for _ in range(6):
        with door.knock("192.0.2.1") as turn:
            turn.give_back()
    fail_to_sign_in(door, "192.0.2.1")


def test_an_attempt_that_raises_counts() -> None:
    door = AddressDoor(MemoryStore(), failures_allowed=1)
    with pytest.raises(ZeroDivisionError), door.knock("192.0.2.1"):
        raise ZeroDivisionError
    with pytest.raises(TooManyAttempts):
        fail_to_sign_in(door, "192.0.2.1")


def test_while_the_store_is_away_nobody_signs_in_and_afterwards_they_do(redis_server: RedisServer) -> None:
    redis_server.wipe()
    store = RedisStore(redis_server.url)
    door = AddressDoor(store)
    fail_to_sign_in(door, "192.0.2.1")
    redis_server.kill()
    try:
        with pytest.raises(Busy, match="try again"), door.knock("192.0.2.1"):
            pytest.fail("the door was open")
    finally:
        redis_server.start()
    fail_to_sign_in(door, "192.0.2.1")
    store.close()


def test_one_household_of_version_six_is_one_address() -> None:
    assert neighbourhood("2001:db8:1:2::1") == neighbourhood("2001:db8:1:2:ffff::9")
    assert neighbourhood("2001:db8:1:2::1") != neighbourhood("2001:db8:1:3::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1")


@given(st.text(max_size=40))
def test_whatever_a_proxy_says_is_some_address(text: str) -> None:
    assert neighbourhood(text)


def let_in(door: RequestDoor, who: str, times: int) -> int:
    """How many of so many requests the door let in."""
    entered = 0
    for _ in range(times):
        try:
            door.enter(who)
            entered += 1
        except TooManyRequests:
            pass
    return entered


def test_two_workers_together_let_in_exactly_what_the_limit_says(tmp_path: Path) -> None:
    path = tmp_path / "door.sqlite3"
    doors = [RequestDoor(LocalStore(path), 70, 2) for _ in range(2)]
    assert sum(let_in(door, "ann", 13) for _ in range(20) for door in doors) == 70
    assert let_in(doors[0], "ben", 5) == 5
    with pytest.raises(TooManyRequests, match="go on in") as refused:
        doors[1].enter("ann")
    assert refused.value.status == 429 and refused.value.retry_after >= 1


def test_in_no_window_of_a_minute_more_requests_enter_than_the_limit_says() -> None:
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    doors = [RequestDoor(store, 100, 2, clock=lambda: now[0]) for _ in range(2)]
    entered: list[float] = []
    for step in range(900):
        now[0] += 0.3
        entered += [now[0]] * let_in(doors[step % 2], "ann", 1 + step % 3)
    most = max(sum(at <= one < at + 60.0 for one in entered) for at in entered)
    assert 80 <= most <= 100


def test_an_ordinary_person_is_counted_without_the_store_and_a_hasty_one_with_few_questions() -> None:
    store = Counting()
    door = RequestDoor(store, 1_200, 2)
    assert let_in(door, "ann", 150) == 150 and store.asked == 0
    assert let_in(door, "ann", 500) == 500 and store.asked <= 60


def test_somebody_a_little_above_the_own_share_of_two_workers_is_never_refused() -> None:
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    doors = [RequestDoor(store, 1_200, 2, clock=lambda: now[0]) for _ in range(2)]
    for step in range(6_000):
        now[0] += 0.1
        doors[step % 2].enter("ann")


def test_a_refused_person_does_not_load_the_store() -> None:
    store = Counting()
    door = RequestDoor(store, 60, 1, clock=lambda: 5.0)
    let_in(door, "ann", 70)
    before = store.asked
    assert let_in(door, "ann", 500) == 0 and store.asked == before


def test_a_store_that_fails_lets_everybody_in(tmp_path: Path) -> None:
    (tmp_path / "door.sqlite3").mkdir()
    assert let_in(RequestDoor(LocalStore(tmp_path / "door.sqlite3"), 60, 2), "ann", 200) == 200


def test_a_store_that_hangs_holds_up_nobody_else_and_whoever_asked_it_only_once(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    store = RedisStore(server.url)
    door = RequestDoor(store, 60, 2)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        busy = threading.Thread(target=let_in, args=(door, "busy", door.own_share + 1))
        busy.start()
        wait_until(lambda: "busy" in door.visitors and door.visitors["busy"].lock.locked())
        door.enter("quiet")
        assert busy.is_alive(), "the quiet one went in while the busy one waited for the store"
        busy.join()
        began = time.monotonic()
        assert let_in(door, "busy", 200) == 200
        assert let_in(door, "another", 200) == 200
        assert time.monotonic() - began < 1.0
    finally:
        server.process.send_signal(signal.SIGCONT)
        store.close()
        server.kill()


def test_what_a_worker_remembers_is_bounded() -> None:
    door = RequestDoor(MemoryStore(), 1_200, 2)
    for number in range(MOST_VISITORS + 50):
        door.enter(f"192.0.2.{number}")
    assert len(door.visitors) == MOST_VISITORS


class Counting(MemoryStore):
    """A real store that counts how often it is asked."""

    asked = 0

    def exchange(self, policy: Policy, message: Message) -> Reply:
        self.asked += 1
        return super().exchange(policy, message)
