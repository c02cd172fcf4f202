"""The local store's file: private, shared, never trusted when it is broken or of another boot."""

import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from ratelimit import Lane, Limit, Limiter, LocalStore, Policy, StoreUnavailable, no_past
from ratelimit.messages import LaneAsk, Message
from ratelimit.stores.local import boot_id

POLICY = Policy("key", (Limit("requests", 100, 3600),), margin_seconds=0.05, validity_seconds=0.05)
ASK = (LaneAsk(Lane("acme", "ann"), ({"requests": 1},), 0),)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store" / "limits.db"


def take(store, serial, has_no_past=True):
    return store.exchange(POLICY, Message("agent", serial, ASK, has_no_past=has_no_past))


def used(store):
    return store.picture(POLICY).limits[0].used


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_only_its_owner_may_read_it(path):
    store = LocalStore(path)
    take(store, 1)
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    store.close()


def test_two_stores_on_one_file_are_one(path):
    one, other = LocalStore(path), LocalStore(path)
    for serial in range(1, 6):
        take(one, serial)
        take(other, serial)
    assert used(one) == used(other) == 10
    one.close()
    other.close()


def test_another_boot_is_an_unknown_past(path):
    before = LocalStore(path, boot=lambda: "first boot")
    take(before, 1)
    before.close()
    after = LocalStore(path, boot=lambda: "second boot")
    assert not take(after, 2, has_no_past=False).grants
    assert after.picture(POLICY).shut_seconds > 3000
    after.close()


def test_the_boot_id_is_the_same_for_everybody():
    assert boot_id() == boot_id() != ""


@pytest.mark.parametrize("another_is_open", [True, False])
def test_a_corrupt_file_is_moved_aside_and_the_key_held_shut_for_all(path, another_is_open):
    store, finder = LocalStore(path), LocalStore(path)
    take(store, 1)
    if not another_is_open:
        store.close()
    for beside in ("", "-wal"):
        with open(f"{path}{beside}", "wb") as file:
            file.write(b"this is no database " * 1000)
    with pytest.raises(StoreUnavailable):
        take(finder, 2, has_no_past=False)
    assert not take(finder, 3, has_no_past=False).grants
    assert not take(store, 3, has_no_past=False).grants
    assert list(path.parent.glob("*.corrupt-*"))
    store.close()
    finder.close()


def test_an_unreadable_account_is_an_unknown_past(path):
    store = LocalStore(path)
    take(store, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE account SET version = 'other', head = '{}'")
    connection.close()
    assert not take(store, 2, has_no_past=False).grants
    store.close()


def test_a_deleted_file_is_noticed_by_those_who_still_hold_it(path):
    store = LocalStore(path)
    take(store, 1)
    path.unlink()
    assert not take(store, 2, has_no_past=False).grants
    assert path.exists()
    store.close()


def test_a_place_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        take(LocalStore(tmp_path / "file" / "limits.db"), 1)


def test_a_held_lock_fails_closed_and_ends_when_it_is_released(path):
    store = LocalStore(path)
    take(store, 1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    limiter = Limiter(store, POLICY, history=no_past)
    with pytest.raises(StoreUnavailable, match="held by another process"):
        limiter.acquire_blocking(Lane("acme", "ann"), {"requests": 1})
    holder.execute("ROLLBACK")
    holder.close()
    limiter.acquire_blocking(Lane("acme", "ann"), {"requests": 1}, give_up_at=time.monotonic() + 5)
    limiter.close()
    store.close()


def test_keys_that_mean_nothing_any_more_are_cleared_away(path):
    now = [1000.0]
    store = LocalStore(path, clock=lambda: now[0])
    for number in range(5):
        door = Policy(f"door {number}", (Limit("requests", 5, 60),))
        store.exchange(door, Message("agent", 1, ASK, has_no_past=True))
    take(store, 1, has_no_past=False)
    now[0] += 5000
    for serial in range(2, 1002):
        take(store, serial, has_no_past=False)
    with sqlite3.connect(path) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM account")]
    connection.close()
    assert keys == ["key"]
    store.close()


def test_a_fork_opens_the_file_anew(path):
    store = LocalStore(path)
    take(store, 1)
    child = os.fork()
    if child == 0:
        ok = bool(store.exchange(POLICY, Message("child", 1, ASK, has_no_past=True)))
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    take(store, 2)
    assert used(store) == 3
    store.close()


FIRST_OPENER = """
import sys
from ratelimit import LocalStore, Policy, Limit, Lane, Limiter, no_past
limiter = Limiter(LocalStore(sys.argv[1]), Policy("key", (Limit("requests", 1000, 3600),)), history=no_past)
sys.stdin.readline()
for _ in range(20):
    limiter.acquire_blocking(Lane("acme", sys.argv[2]), {"requests": 1})
limiter.close()
"""


def test_eight_processes_may_open_it_for_the_first_time_at_once(path):
    openers = [
        subprocess.Popen([sys.executable, "-c", FIRST_OPENER, str(path), str(number)], stdin=subprocess.PIPE)
        for number in range(8)
    ]
    for opener in openers:
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    for opener in openers:
        opener.communicate()
    assert [opener.returncode for opener in openers] == [0] * 8
    store = LocalStore(path)
    assert used_by(store, Policy("key", (Limit("requests", 1000, 3600),))) == 160
    store.close()


def used_by(store, policy):
    return store.picture(policy).limits[0].used
