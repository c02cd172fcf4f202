"""`make run`: everything comes up, is kept alive whatever is killed, and goes away without a trace."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests

from services.db.embedded import EmbeddedPostgres, free_port
from services.installation import Installation
from services.settings import Settings
from services.supervisor import Supervisor
from tests.fixtures.app import FILES_CACHE, post_sign_in, wait_until

ROOT = Path(__file__).resolve().parents[1]
READY = "SourcingX is ready"
# The first start makes a database and 2,000 demo people.
START_SECONDS = 200
pytestmark = pytest.mark.timeout(300)


@dataclass
class Home:
    """One data directory with ports of its own, and the supervisor that runs there."""

    path: Path
    port: int = field(default_factory=free_port)
    simulators_port: int = field(default_factory=free_port)
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "SOURCINGX_HOME": str(self.path / "home"),
            "PORT": str(self.port),
            "SIMULATORS_PORT": str(self.simulators_port),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.path / f"start-{self.starts}.txt"

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.supervisor"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        return self.process

    def start_and_wait(self) -> None:
        process = self.start()
        wait_until(lambda: READY in self.text() or process.poll() is not None, START_SECONDS, self.text)
        assert process.poll() is None, self.text()

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def postgres(self) -> int:
        pid = EmbeddedPostgres(self.path / "home").server_pid()
        assert pid is not None
        return pid

    def pid_of(self, part: str) -> int:
        if part == "postgres":
            return self.postgres()
        record = self.path / "home" / "run" / f"{part}.json"
        return int(json.loads(record.read_text(encoding="utf-8"))["pid"])

    def everything(self) -> list[psutil.Process]:
        """Every process of this home: the supervisor's family and the database's."""
        assert self.process is not None
        families = [psutil.Process(self.process.pid), psutil.Process(self.postgres())]
        return [one for family in families for one in [family, *family.children(recursive=True)]]

    def status(self, path: str) -> int:
        try:
            return requests.get(f"{self.url}{path}", timeout=5).status_code
        except requests.RequestException:
            return 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home after its first start, which still runs."""
    made = Home(tmp_path_factory.mktemp("supervised"))
    # Compressed scripts are the same for every home; whether they are made at all, the pages' own tests see.
    (made.path / "home").mkdir(mode=0o700)
    (made.path / "home" / "cache").mkdir()
    FILES_CACHE.mkdir(parents=True, exist_ok=True)
    (made.path / "home" / "cache" / "files").symlink_to(FILES_CACHE)
    made.start_and_wait()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end()


def test_the_first_start_prints_an_address_and_sign_ins_that_work(home: Home) -> None:
    text = home.text()
    assert home.url in text and "Simulated providers" in text
    password = re.search(r"password (\S+):", text)
    people = re.findall(r"^  (\S+@\S+) ", text, re.MULTILINE)
    assert password and len(people) == 5
    assert (home.status("/healthz"), home.status("/readyz")) == (200, 200)
    with requests.Session() as caller:
        assert post_sign_in(caller, home.url, people[0], password[1]).status_code == 303


def test_a_second_start_in_the_same_home_is_refused_in_a_sentence(home: Home) -> None:
    refused = run_supervisor(home.environment)
    assert refused.returncode == 1
    assert "already runs" in refused.stdout and "SOURCINGX_HOME" in refused.stdout
    assert home.status("/healthz") == 200


def test_a_taken_port_is_named_with_the_setting_that_changes_it(home: Home, tmp_path: Path) -> None:
    refused = run_supervisor(home.environment | {"SOURCINGX_HOME": str(tmp_path)})
    assert refused.returncode == 1
    taken = refused.stdout
    assert f"Port {home.port} is in use" in taken and "PORT=" in taken
    assert not (tmp_path / "postgres").exists(), "nothing was begun"


def run_supervisor(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.supervisor"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_beside_the_server_leaves_its_database_running(home: Home) -> None:
    here = Installation(Settings(_env_file=None, SOURCINGX_HOME=str(home.path / "home")))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and an alias
    before = home.postgres()
    assert here.is_served
    with here.database_for_a_while():
        here.require_schema()
    assert home.postgres() == before


@pytest.mark.parametrize("part", ["simulators", "sweeper", "web", "postgres"])
def test_a_killed_part_is_started_again(home: Home, part: str) -> None:
    before = home.pid_of(part)
    orphans = psutil.Process(before).children(recursive=True)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: is_replaced(home, part, before), 60, home.text)
    # Workers of a web server that was killed answer a moment longer: they are not what was started again.
    wait_until(lambda: not any(is_alive(orphan.pid) for orphan in orphans), 60, home.text)
    wait_until(lambda: home.status("/readyz") == 200, 60, home.text)
    assert f"{'database' if part == 'postgres' else part}" in home.text().partition(READY)[2]


def is_replaced(home: Home, part: str, before: int) -> bool:
    try:
        return home.pid_of(part) != before
    except (AssertionError, ValueError):
        return False


def test_a_killed_supervisor_is_succeeded_by_the_next_start(home: Home) -> None:
    assert home.process is not None
    database, web = home.postgres(), home.pid_of("web")
    home.process.kill()
    home.process.wait(10)
    assert home.status("/healthz") == 200, "the parts live on"
    home.start_and_wait()
    assert home.postgres() == database, "the database was taken over"
    assert home.pid_of("web") != web and not is_alive(web)
    assert home.status("/readyz") == 200


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_ending_it_leaves_no_process_and_the_next_start_has_nothing_to_make(home: Home) -> None:
    family = home.everything()
    assert len(family) > 8
    assert home.end() == 0, home.text()
    left = [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    home.start_and_wait()
    assert "demo data" not in home.text() and "migrations" not in home.text()
    assert home.status("/readyz") == 200
    family = home.everything()
    assert home.end() == 0
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("more", [{}, {"REDIS_URL": "redis://127.0.0.1:1/0"}], ids=["one machine", "several hosts"])
def test_with_redis_a_worker_is_one_more_part_which_ends_before_what_it_leans_on(
    tmp_path: Path, more: dict[str, str]
) -> None:
    settings = Settings(_env_file=None, SOURCINGX_HOME=str(tmp_path), **more)  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases
    names = [part.name for part in Supervisor(settings).describe_parts()]
    assert names == ["simulators", "sweeper", *(["worker"] if more else []), "web"]
