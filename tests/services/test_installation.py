"""A command's database: started when it must be, stopped by the last command out, never taken from the server."""

import fcntl
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.db.embedded import EmbeddedPostgres, free_port
from services.installation import SUPERVISOR_LOCK, CannotRun, Installation, is_locked
from services.settings import Settings
from services.simulators import serve


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installation")


def settings(home: Path, **more: object) -> Settings:
    return Settings(_env_file=None, SOURCINGX_HOME=str(home), **more)  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases


@pytest.fixture
def here(home: Path) -> Iterator[Installation]:
    yield Installation(settings(home))
    EmbeddedPostgres(home).stop()


def test_the_last_command_out_stops_what_the_first_one_started(here: Installation, home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    first, second = ExitStack(), ExitStack()
    first.enter_context(here.database_for_a_while())
    started = postgres.server_pid()
    second.enter_context(here.database_for_a_while())
    first.close()
    assert postgres.server_pid() == started is not None, "somebody still works with it"
    second.close()
    assert postgres.server_pid() is None


def test_a_database_that_ran_before_is_left_running(here: Installation, home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    postgres.ensure_running()
    before = postgres.server_pid()
    with here.database_for_a_while():
        assert postgres.server_pid() == before
    assert postgres.server_pid() == before is not None


def test_a_server_that_came_up_meanwhile_keeps_the_database(here: Installation, home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    with (home / SUPERVISOR_LOCK).open("w") as lock:
        with here.database_for_a_while():
            assert not here.is_served
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert here.is_served
        assert postgres.server_pid() is not None
    assert not here.is_served


def test_an_unprepared_database_is_said_and_preparing_it_twice_changes_nothing(here: Installation) -> None:
    with here.database_for_a_while():
        with pytest.raises(CannotRun, match="db upgrade"):
            here.require_schema()
        assert here.upgrade()
        here.require_schema()
        assert here.upgrade() == []


def test_simulators_are_brought_only_where_none_answer(tmp_path: Path) -> None:
    port = free_port()
    alone = Installation(settings(tmp_path, SIMULATORS_PORT=port))
    with alone.simulators_for_a_while(), alone.simulators_for_a_while():
        pass
    with serve(port=port, people=10) as running:
        with alone.simulators_for_a_while():
            pass
        assert running.totals() is not None, "those of somebody else are not ended"


def test_a_port_taken_by_another_program_is_named(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        with (
            pytest.raises(CannotRun, match=f"Port {port}"),
            Installation(settings(tmp_path, SIMULATORS_PORT=port)).simulators_for_a_while(),
        ):
            pass


def test_a_lock_is_seen_only_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with path.open("w") as file:
        assert not is_locked(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_locked(path)
    assert not is_locked(path)
