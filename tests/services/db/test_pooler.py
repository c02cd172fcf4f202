"""Behind a transaction pooler: migrations, scopes and runs of statements hold, because nothing lives in a session."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from services.clock import SystemClock
from services.db.embedded import free_port
from services.db.migrate import pending, upgrade
from services.db.pool import Database
from tests.fixtures.postgres import Team, Urls

WAIT_SECONDS = 10


@pytest.fixture
def pooled(urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Urls]:
    """The same database through pgbouncer in transaction mode, with two server connections for everybody."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "pgbouncer is missing; tests/prepare_machine.sh installs it"
    folder = tmp_path_factory.mktemp("pooler")
    port = free_port()
    write_configuration(folder, port, urls)
    server = subprocess.Popen(
        [program, str(folder / "pgbouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        through = Urls(*(moved(url, port) for url in (urls.superuser, urls.owner, urls.login)))
        wait_for(through.login)
        yield through
    finally:
        server.terminate()
        server.wait(WAIT_SECONDS)


def write_configuration(folder: Path, port: int, urls: Urls) -> None:
    address = urlsplit(urls.login)
    users = {urlsplit(url).username: urlsplit(url).password for url in (urls.owner, urls.login)}
    (folder / "users.txt").write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))
    lines = [
        "[databases]",
        f"* = host=127.0.0.1 port={address.port}",
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = scram-sha-256",
        f"auth_file = {folder / 'users.txt'}",
        "pool_mode = transaction",
        "default_pool_size = 2",
    ]
    if os.geteuid() == 0:
        lines.append("user = nobody")
        for path in (folder, *folder.parents[:2]):
            path.chmod(0o755)
        os.chown(folder / "users.txt", pwd.getpwnam("nobody").pw_uid, -1)
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")


def moved(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


def wait_for(url: str) -> None:
    clock = SystemClock()
    deadline = clock.steady() + WAIT_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2, prepare_threshold=None).close()
            return
        except psycopg.OperationalError:
            if clock.steady() > deadline:
                raise
            clock.sleep(0.05)


def test_migrations_run_through_a_pooler(pooled: Urls) -> None:
    assert pending(pooled.owner) == []
    assert upgrade(pooled.owner) == []


def test_scopes_never_mix_when_connections_are_shared(pooled: Urls, team: Team, rivals: Team) -> None:
    database = Database(pooled.login, max_connections=8)
    for who, slug in ((team.recruiter, "ours"), (rivals.recruiter, "theirs")):
        with database.act_as(who) as tx:
            tx.execute(
                "INSERT INTO candidates (org_id, profile_url) VALUES (%s, %s)",
                [who.org_id, f"https://www.linkedin.com/in/{slug}"],
            )

    def look(number: int) -> bool:
        who, slug = ((team.recruiter, "ours"), (rivals.recruiter, "theirs"))[number % 2]
        with database.act_as(who) as tx:
            first = tx.execute("SELECT current_setting('app.org_id'), current_user").fetchone()
            seen = tx.execute("SELECT profile_url FROM candidates").fetchall()
        asked = database.ask(who, sql.SQL("SELECT profile_url FROM candidates WHERE 1 = %(one)s"), {"one": 1})
        mine = [(f"https://www.linkedin.com/in/{slug}",)]
        return first == (str(who.org_id), "sourcingx_app") and seen == mine and asked == mine

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(look, range(300)))
    database.close()
