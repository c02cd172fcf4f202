"""Housekeeping: what goes, what stays because somebody needs it, and what is said when something cannot go."""

import io
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import diskcache
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.clock import HeldClock, SystemClock
from services.db import housekeeping as db
from services.db import imports as imports_db
from services.db.pool import Database
from services.errors import AppError
from services.housekeeping import DAY_SECONDS, HOUR_SECONDS, SEARCH_SECONDS, Ages, Cleared, Housekeeping
from services.imports import Imports
from services.leases import LeaseLost, Leases
from services.paid_facts import request_hash
from services.settings import Settings
from services.wiring import ages_of
from tests.fixtures import files
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
LONG_AGO = timedelta(days=40)


@pytest.fixture
def keeper(database: Database, tmp_path: Path) -> Housekeeping:
    home = tmp_path / "home"
    (home / "files" / "uploads").mkdir(parents=True)
    return Housekeeping(database, SystemClock(), home, home / "files")


@pytest.fixture
def imports(keeper: Housekeeping) -> Imports:
    return Imports(keeper.database, keeper.clock, keeper.uploads, upload_limit_bytes=1_000_000)


def cleared(keeper: Housekeeping, what: str) -> Cleared:
    return keeper.chores()[what]()


def send(imports: Imports, team: Team, text: str = files.GEM) -> UUID:
    return imports.receive(team.recruiter, "people.csv", io.BytesIO(text.encode()), None)


def make_old(path: Path, by: timedelta = LONG_AGO) -> Path:
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(path, (then, then))
    return path


def left_behind(path: Path, text: str = "left behind") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return make_old(path)


# Rows

ENDED_ROWS = {
    "sign-in links": (
        "INSERT INTO one_time_links (secret_hash, org_id, user_id, purpose, expires_at)"
        " VALUES (%(key)s, %(org)s, %(user)s, 'reset', now() - %(ago)s)",
        "SELECT count(*) FROM one_time_links",
    ),
    "sessions": (
        "INSERT INTO sessions (secret_hash, org_id, user_id, session_version, active_at)"
        " VALUES (%(key)s, %(org)s, %(user)s, 1, now() - %(ago)s)",
        "SELECT count(*) FROM sessions",
    ),
    "sign-in attempts": (
        "INSERT INTO sign_in_attempts (email_hash, attempts, last_at) VALUES (%(key)s, 1, now() - %(ago)s)",
        "SELECT count(*) FROM sign_in_attempts",
    ),
    "searches": (
        "WITH s AS (INSERT INTO searches (org_id, fingerprint, made_at) VALUES (%(org)s, %(key)s, now() - %(ago)s)"
        " RETURNING *) INSERT INTO search_anchors (org_id, search_id, place, id) SELECT org_id, id, 0, 1 FROM s",
        "SELECT count(*) FROM searches",
    ),
    "paid answers": (
        "INSERT INTO paid_facts (org_id, provider, operation, request_hash, state, fence, paid_by, lease_until,"
        " expires_at, answer) VALUES (%(org)s, 'crustdata', 'count', %(key)s, 'known', 1, %(user)s, now() - %(ago)s,"
        " now() - %(ago)s, '{}')",
        "SELECT count(*) FROM paid_facts",
    ),
    "leases": (
        "INSERT INTO leases (org_id, user_id, thing, fence, taken_at, lease_until)"
        " VALUES (%(org)s, %(user)s, encode(%(key)s, 'hex'), 1, now() - %(ago)s, now() - %(ago)s)",
        "SELECT count(*) FROM leases",
    ),
    "hours of the sweeper": (
        "INSERT INTO sweeper_deeds (hour, deed, times) VALUES (now() - %(ago)s, left(encode(%(key)s, 'hex'), 60), 1)",
        "SELECT count(*) FROM sweeper_deeds",
    ),
}


@pytest.mark.parametrize("what", ENDED_ROWS)
def test_what_ended_long_ago_goes_a_bounded_number_at_once_and_the_rest_stays(
    keeper: Housekeeping, superuser: Superuser, team: Team, what: str
) -> None:
    insert, count = ENDED_ROWS[what]
    ages = [LONG_AGO] * 5 + [timedelta(minutes=5)] * 2
    for number, ago in enumerate(ages):
        key = bytes([number]) * 32
        superuser.execute(insert, {"key": key, "org": team.org_id, "user": team.recruiter.user_id, "ago": ago})
    few = replace(keeper, most_at_once=3)
    assert cleared(few, what) == Cleared(what, 3, is_more=True)
    assert cleared(few, what) == Cleared(what, 2)
    assert superuser.execute(count).fetchone() == (2,)
    assert superuser.execute("SELECT count(*) FROM search_anchors").fetchone() == ((2,) if what == "searches" else (0,))


def test_somebody_who_was_here_within_the_idle_time_stays_signed_in(
    keeper: Housekeeping, superuser: Superuser, team: Team
) -> None:
    insert, count = ENDED_ROWS["sessions"]
    patient = replace(keeper, ages=Ages(session_idle_seconds=40 * DAY_SECONDS))
    superuser.execute(insert, {"key": b"k" * 32, "org": team.org_id, "user": team.recruiter.user_id, "ago": LONG_AGO})
    assert cleared(patient, "sessions").things == 0
    assert superuser.execute(count).fetchone() == (1,)
    assert cleared(keeper, "sessions").things == 1


def test_what_is_held_or_bought_now_is_left_alone_however_old(
    keeper: Housekeeping, superuser: Superuser, team: Team
) -> None:
    leases = Leases(keeper.database, HeldClock())
    lease = leases.take(team.recruiter, "an account")
    superuser.execute("UPDATE leases SET taken_at = now() - interval '90 days'")
    superuser.execute(
        "INSERT INTO paid_facts (org_id, provider, operation, request_hash, state, fence, paid_by, lease_until,"
        " expires_at) VALUES (%s, 'crustdata', 'count', %s, 'sent', 1, %s, now() + interval '10 s',"
        " now() - interval '90 days')",
        [team.org_id, request_hash({"a": 1}), team.recruiter.user_id],
    )
    superuser.execute(
        "INSERT INTO sign_in_attempts (email_hash, attempts, last_at, locked_until)"
        " VALUES ('x', 9, now() - interval '90 days', now() + interval '1 hour')"
    )
    assert {one.what: one.things for one in keeper.clear_all() if one.things} == {}
    leases.renew(team.recruiter, lease)


def test_a_lease_that_was_cleared_is_lost_to_its_old_holder_and_the_next_fence_is_higher(
    keeper: Housekeeping, superuser: Superuser, team: Team
) -> None:
    leases = Leases(keeper.database, HeldClock())
    old = leases.take(team.recruiter, "an account")
    superuser.execute("UPDATE leases SET taken_at = now() - interval '9 days', lease_until = now() - interval '8 days'")
    assert cleared(keeper, "leases").things == 1
    with pytest.raises(LeaseLost):
        leases.renew(team.recruiter, old)
    assert leases.take(team.colleague, "an account").fence > old.fence


def test_a_row_that_somebody_holds_is_passed_over_and_nobody_waits(
    keeper: Housekeeping, superuser: Superuser, team: Team
) -> None:
    insert, _ = ENDED_ROWS["leases"]
    superuser.execute(insert, {"key": b"k", "org": team.org_id, "user": team.recruiter.user_id, "ago": LONG_AGO})
    with superuser.transaction():
        superuser.execute("SELECT 1 FROM leases FOR UPDATE")
        assert cleared(keeper, "leases") == Cleared("leases")
    assert cleared(keeper, "leases").things == 1


def test_only_the_engine_may_clear(database: Database, team: Team) -> None:
    for door in ("clear_expired('sessions', '0 s', 9)", "give_up_uploads('0 s', 9)", "note_deeds(1, '[]')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
            tx.execute(f"SELECT {door}")


def test_results_money_and_history_are_no_kinds_that_can_be_cleared(database: Database) -> None:
    for what in ("ledger", "audit_events", "screenings", "run_events"):
        with pytest.raises(psycopg.errors.CaseNotFound), database.as_engine() as tx:
            db.clear_expired(tx, what, 0, 1)  # type: ignore[arg-type]  # nobody can write this


# Uploads


def test_uploads_nobody_imported_are_given_up_and_younger_ones_stay(
    keeper: Housekeeping, imports: Imports, team: Team, superuser: Superuser
) -> None:
    old = send(imports, team)
    superuser.execute("UPDATE imports SET created_at = now() - interval '8 days'")
    young = send(imports, team, files.WIDE)
    left_behind(keeper.uploads / "orphan")
    done = {one.what: one for one in keeper.clear_all()}
    assert done["uploads"] == Cleared("uploads", 1, len(files.GEM.encode()))
    assert done["files without an upload"].things == 1
    assert imports.find(team.recruiter, old).state == "discarded"
    assert imports.preview(team.recruiter, young).suggested_list == "people"
    assert len(list(keeper.uploads.iterdir())) == 1


def test_an_upload_on_its_way_is_no_orphan(keeper: Housekeeping, imports: Imports, team: Team) -> None:
    on_its_way = keeper.uploads / "just-now"
    on_its_way.write_text("half a fi")
    assert cleared(keeper, "files without an upload").things == 0
    assert on_its_way.exists()


def test_a_file_is_there_for_as_long_as_an_import_works_on_it(
    keeper: Housekeeping, imports: Imports, team: Team, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import has claimed the row, and nobody outside of its transaction sees that: both clocks say 'too old'."""
    import_id = send(imports, team)
    [path] = keeper.uploads.iterdir()
    make_old(path)
    superuser.execute("UPDATE imports SET created_at = now() - interval '40 days'")
    mapping = imports.preview(team.recruiter, import_id).mapping
    working, may_fail = threading.Event(), threading.Event()

    def fail_in_the_middle(*_args: object, **_facts: object) -> None:
        working.set()
        may_fail.wait(20)
        raise AppError("The merge failed.")

    monkeypatch.setattr(imports_db, "finish_import", fail_in_the_middle)
    failures: list[str] = []

    def run() -> None:
        try:
            imports.run(team.recruiter, import_id, "People", mapping)
        except AppError as error:
            failures.append(error.message)

    working_import = threading.Thread(target=run)
    working_import.start()
    assert working.wait(20)
    done = [(one.things, one.trouble) for one in keeper.clear_all() if one.things or one.trouble]
    may_fail.set()
    working_import.join()
    monkeypatch.undo()
    assert (failures, done) == (["The merge failed."], [])
    assert path.exists()
    assert imports.run(team.recruiter, import_id, "People", mapping).added == 1, "it still waited, with its file"


ACTS = st.lists(
    st.sampled_from(["upload", "import", "discard", "age row", "age file", "clear", "killed after giving up"]),
    min_size=4,
    max_size=14,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_happens_an_upload_that_waits_has_its_file_and_nothing_old_stays(
    keeper: Housekeeping, imports: Imports, team: Team, superuser: Superuser, acts: list[str]
) -> None:
    superuser.execute("TRUNCATE imports, lists, candidates CASCADE")
    for path in keeper.uploads.iterdir():
        path.unlink()
    waiting: list[UUID] = []
    for number, act in enumerate([*acts, "age row", "age file", "clear"]):
        if act == "upload":
            waiting.append(send(imports, team, f"{files.GEM}\n" * (number + 1)))
        elif act == "import" and waiting and imports.find(team.recruiter, waiting[0]).state == "uploaded":
            imports.run(team.recruiter, waiting[0], "L", imports.preview(team.recruiter, waiting[0]).mapping)
        elif act == "discard" and waiting:
            imports.discard(team.recruiter, waiting[-1])
        elif act == "age row":
            superuser.execute("UPDATE imports SET created_at = now() - interval '40 days'")
        elif act == "age file":
            for path in keeper.uploads.iterdir():
                make_old(path)
        elif act == "killed after giving up":
            with keeper.database.as_engine() as tx:
                db.give_up_uploads(tx, 7 * DAY_SECONDS, 1)
        elif act == "clear":
            for what in ("uploads", "files without an upload"):
                cleared(keeper, what)
        rows = superuser.execute("SELECT id, stored_as FROM imports WHERE state = 'uploaded'").fetchall()
        assert [row for row in rows if not (keeper.uploads / row[1]).exists()] == []
    assert superuser.execute("SELECT count(*) FROM imports WHERE state = 'uploaded'").fetchone() == (0,)
    assert list(keeper.uploads.iterdir()) == []


# Other files


def test_drafts_of_killed_processes_go_and_what_they_became_stays(keeper: Housekeeping) -> None:
    gone = [
        left_behind(keeper.home / "cache" / "files" / "tmpab12_x"),
        left_behind(keeper.home / f"secret_key.{'0123456789abcdef'}"),
        left_behind(keeper.home / "limiter.sqlite3.corrupt-1a2b3c4d"),
    ]
    kept = [
        left_behind(keeper.home / "cache" / "files" / f"{'a' * 64}.br"),
        left_behind(keeper.home / "secret_key"),
        left_behind(keeper.home / "limiter.sqlite3"),
        left_behind(keeper.home / "simulated-charges.jsonl"),
    ]
    young = keeper.home / "cache" / "files" / "tmpyoung"
    young.write_text("being written")
    assert cleared(keeper, "drafts") == Cleared("drafts", 3, 3 * len("left behind"))
    assert [path.exists() for path in gone] == [False] * 3
    assert all(path.exists() for path in (*kept, young))


def test_expired_entries_of_the_cache_go(keeper: Housekeeping) -> None:
    folder = keeper.home / "background"
    with diskcache.Cache(str(folder), disk=diskcache.JSONDisk, cull_limit=0) as cache:
        cache.set("old", "x", expire=-1)
        cache.set("new", "y", expire=3600)
        assert cleared(keeper, "cache entries") == Cleared("cache entries", 1)
        assert list(cache) == ["new"]


def test_a_large_log_begins_anew_and_its_writer_goes_on_in_it(keeper: Housekeeping) -> None:
    small_limit = replace(keeper, ages=Ages(log_bytes=1000))
    log = keeper.home / "logs" / "web.log"
    log.parent.mkdir()
    with log.open("ab", buffering=0) as writer:
        writer.write(b"".join(b"line %04d\n" % number for number in range(300)))
        assert cleared(small_limit, "logs") == Cleared("logs", 1, 2000)
        writer.write(b"afterwards\n")
    assert log.read_bytes() == b"afterwards\n"
    older = log.with_suffix(".old.log")
    assert older.read_bytes().endswith(b"line 0299\n") and older.stat().st_size == 1000
    assert cleared(small_limit, "logs") == Cleared("logs"), "the older copy is no log of its own"


# What cannot be done


def test_a_home_without_folders_is_clean(database: Database, tmp_path: Path) -> None:
    nowhere = Housekeeping(database, SystemClock(), tmp_path / "a", tmp_path / "b")
    assert [one for one in nowhere.clear_all() if one.things or one.trouble] == []
    assert [place.files for place in nowhere.places()] == [0] * 5


def test_a_file_that_cannot_be_deleted_is_said_and_the_others_go(
    keeper: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = left_behind(keeper.uploads / "stubborn")
    left_behind(keeper.uploads / "willing")
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == stubborn:
            raise PermissionError(13, "Read-only file system", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    done = cleared(keeper, "files without an upload")
    assert (done.things, done.trouble) == (1, "A file cannot be deleted: Read-only file system.")
    assert str(keeper.home) not in done.trouble


def test_on_a_full_disk_a_log_stays_and_no_half_copy_remains(
    keeper: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_limit = replace(keeper, ages=Ages(log_bytes=10))
    log = left_behind(keeper.home / "logs" / "web.log", "a line that nobody may lose\n")

    def full(_source: object, _copy: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    assert cleared(small_limit, "logs").trouble == "web.log: No space left on device."
    assert log.stat().st_size > 10 and not log.with_suffix(".old.log").exists()


def test_a_corrupt_cache_and_a_database_that_is_away_are_said_and_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "background").mkdir()
    (tmp_path / "background" / "cache.db").write_bytes(b"no database at all" * 100)
    gone = Database("postgresql://nobody@127.0.0.1:9/nothing", wait_seconds=0.05)
    left_behind(tmp_path / "cache" / "files" / "tmpdraft")
    done = {one.what: one for one in Housekeeping(gone, SystemClock(), tmp_path, tmp_path / "files").clear_all()}
    gone.close()
    assert "reconnecting" in done["sessions"].trouble
    assert done["cache entries"].trouble == "DatabaseError; the log has the rest."
    assert done["drafts"].things == 1


def test_a_database_that_takes_no_changes_or_misses_a_door_is_said(
    keeper: Housekeeping, superuser: Superuser, team: Team
) -> None:
    insert, _ = ENDED_ROWS["sessions"]
    superuser.execute(insert, {"key": b"k" * 32, "org": team.org_id, "user": team.recruiter.user_id, "ago": LONG_AGO})
    superuser.execute("ALTER ROLE sourcingx_login SET default_transaction_read_only = on")
    try:
        assert "takes no changes" in cleared(keeper, "sessions").trouble
    finally:
        superuser.execute("ALTER ROLE sourcingx_login RESET default_transaction_read_only")
    keeper.database.close()
    superuser.execute("ALTER FUNCTION clear_expired RENAME TO not_yet_there")
    assert cleared(keeper, "sessions").trouble == "UndefinedFunction; the log has the rest."


def test_what_there_is_is_counted_up_to_a_bound(keeper: Housekeeping, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (keeper.uploads / f"file-{number}").write_text("1234567890")
    place = next(place for place in keeper.places() if place.name == "uploads")
    assert (place.files, place.bytes, place.is_more) == (5, 50, False)
    monkeypatch.setattr("services.housekeeping.MOST_COUNTED", 3)
    bounded = next(place for place in keeper.places() if place.name == "uploads")
    assert (bounded.files, bounded.is_more) == (3, True)
    [disk] = keeper.disks()
    assert disk.name == "data and files" and 0 < disk.free_bytes <= disk.total_bytes


def test_each_chore_uses_an_index(superuser: Superuser) -> None:
    """The ages are asked of indexes: an hour's sessions among millions are found without reading the millions."""
    superuser.execute("SET enable_seqscan = off")
    for table, condition, index in (
        ("one_time_links", "expires_at < now()", "one_time_links_by_end"),
        ("sessions", "active_at < now()", "sessions_by_activity"),
        ("sign_in_attempts", "last_at < now()", "sign_in_attempts_by_age"),
        ("searches", "made_at < now()", "searches_by_making"),
        ("paid_facts", "expires_at < now()", "paid_facts_by_end"),
        ("leases", "taken_at < now()", "leases_by_taking"),
        ("imports", "state = 'uploaded' AND created_at < now()", "imports_waiting"),
    ):
        order = condition.split(" < ")[0].rpartition(" ")[2]
        query = f"EXPLAIN SELECT 1 FROM {table} WHERE {condition} ORDER BY {order} LIMIT 9 FOR UPDATE SKIP LOCKED"
        plan = "\n".join(str(row[0]) for row in superuser.execute(query.encode()))
        assert index in plan, plan


@pytest.fixture(autouse=True)
def _seqscan_again(superuser: Superuser) -> Iterator[None]:
    yield
    superuser.execute("RESET enable_seqscan")


def test_the_ages_are_settings() -> None:
    words = {"UPLOAD_KEEP_DAYS": 2, "TEMPORARY_KEEP_HOURS": 3, "EXPIRED_KEEP_DAYS": 4, "LOG_LIMIT_MB": 5}
    ages = ages_of(Settings(SESSION_IDLE_HOURS=6, **words))
    assert ages == Ages(2 * DAY_SECONDS, 3 * HOUR_SECONDS, 4 * DAY_SECONDS, 6 * HOUR_SECONDS, 5_000_000)
    assert ages_of(Settings()) == Ages(), "what is shipped is what is documented"


def test_an_hour_is_longer_than_any_search_is_used() -> None:
    """open_search lets nobody use a search older than ten minutes; a statement takes fifteen seconds at most."""
    assert SEARCH_SECONDS >= 10 * 60 + 15 and SEARCH_SECONDS == HOUR_SECONDS
