"""The door for network addresses, on the real limiter."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import LocalStore, MemoryStore
from ratelimit.stores.redis import RedisStore
from services.accounts import TooManyAttempts
from services.door import AddressDoor, neighbourhood
from services.errors import Busy
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
