"""The command line as a person or a script meets it: a home of its own, the server down.

The walk from an empty home to verdicts is made of real processes. What only asks runs the same commands in this
process, which saves each of them the start of an interpreter.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import psutil
import pytest
from click.testing import CliRunner

from commands import COMMANDS
from services.db.embedded import EmbeddedPostgres, free_port
from services.db.shares import shares_of
from services.domain.quotas import Meter, What
from services.errors import Conflict
from services.installation import Installation
from services.settings import Settings
from services.simulators import serve
from services.wiring import Services, build, services_of
from tests.fixtures.app import wait_until

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
RITA, SOL = "rita@acme.example", "sol@zenith.example"
BRIEF = """# role
Backend engineer in a small team.
# must
2+ years of backend development
Python or Java
# nice
Kafka
# exclude
Currently director
"""
PEOPLE = "linkedin_url,name,title,company,summary\n" + "".join(
    f"https://www.linkedin.com/in/invented-person-{n},Invented Person{n},Backend Engineer,Bluefern,"
    f"Writes Python and Java services since 2016.\n"
    for n in range(1, 21)
)


@dataclass(frozen=True)
class Finished:
    """One command that ended: its exit code and what it printed."""

    code: int
    output: str
    errors: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object that stands on stdout, and nothing beside it."""
        read = json.loads(self.output)
        assert isinstance(read, dict)
        return read


@dataclass(frozen=True)
class CommandLine:
    """`flask --app wsgi` with an environment of its own."""

    home: Path
    environment: dict[str, str]

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object, stdin: str = "") -> Finished:
        with self.start(*words) as process:
            output, errors = process.communicate(stdin, timeout=100)
        return Finished(process.returncode, output, errors)

    def ask(self, *words: object, stdin: str = "") -> Finished:
        """The same without a process of its own."""
        root = click.Group("flask", {str(command.name): command for command in COMMANDS})
        services_of.cache_clear()
        result = CliRunner(env=dict(self.environment)).invoke(root, list(map(str, words)), input=stdin)
        services_of.cache_clear()
        return Finished(result.exit_code, result.stdout, result.stderr)

    def facts(self, *words: object, stdin: str = "") -> dict[str, Any]:
        """What a command that must succeed says with --json."""
        return self.succeeded(self.run(*words, "--json", stdin=stdin))

    def asked(self, *words: object, stdin: str = "") -> dict[str, Any]:
        """What a command that must succeed says with --json, without a process of its own."""
        return self.succeeded(self.ask(*words, "--json", stdin=stdin))

    def succeeded(self, finished: Finished) -> dict[str, Any]:
        assert finished.code == 0, finished.errors + finished.output
        return finished.object

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=None, SOURCINGX_HOME=str(self.home), PORT=self.environment["PORT"])  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases

    @property
    def server_pid(self) -> int | None:
        return EmbeddedPostgres(self.home).server_pid()


def command_line(home: Path) -> CommandLine:
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SOURCINGX_HOME": str(home), "PORT": str(port)}
    return CommandLine(home, environment | {"SIMULATORS_PORT": str(free_port())})


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A home with a prepared database that does not run."""
    line = command_line(tmp_path_factory.mktemp("home"))
    unprepared = line.ask("runs", "list", "--json")
    assert unprepared.code == 1 and "db upgrade" in unprepared.object["error"]
    assert len(line.facts("db", "upgrade")["applied"]) >= 8
    return line


@pytest.fixture(scope="module")
def line(down: CommandLine) -> Iterator[CommandLine]:
    """The same home with its database running, as if another command were at work: each start saves a second."""
    with Installation(down.settings).database_for_a_while():
        for email, organization in ((RITA, "Acme"), (SOL, "Zenith")):
            words = ("users", "add", email, "--org", organization, "--role", "admin", "--password-stdin")
            added = down.asked(*words, stdin=f"{PASSWORD}\n")
            assert added["email"] == email and added["role"] == "admin"
        yield down


@contextmanager
def services_behind(line: CommandLine) -> Iterator[Services]:
    """The services of this home, for what no command does."""
    services = build(line.settings)
    try:
        yield services
    finally:
        services.database.close()


@pytest.fixture(scope="module")
def people(line: CommandLine) -> dict[str, Any]:
    """Twenty people and one row that cannot be used, imported into a list."""
    file = line.home / "people.csv"
    file.write_text(PEOPLE + "https://www.linkedin.com/company/bluefern,Nobody,,,\n", encoding="utf-8")
    return line.facts("import", file, "--user", RITA, "--list", "Spring")


@pytest.fixture(scope="module")
def position(line: CommandLine) -> dict[str, Any]:
    brief = line.home / "brief.md"
    brief.write_text(BRIEF, encoding="utf-8")
    return line.facts(
        "positions", "add", "--user", RITA, "--title", "Backend engineer", "--brief-file", brief, "--approve"
    )


@pytest.fixture(scope="module")
def screened(line: CommandLine, people: dict[str, Any], position: dict[str, Any]) -> dict[str, Any]:
    """The list screened while no server runs: the command drives the run and brings the simulators."""
    return line.facts("screen", "--user", RITA, "--list", "spring", "--position", position["position_id"], "--wait")


def test_with_the_server_down_a_command_starts_the_database_and_stops_it_again(down: CommandLine) -> None:
    assert down.server_pid is None, "`db upgrade` has stopped what it started"
    assert down.asked("db", "upgrade") == {"applied": []}
    assert down.server_pid is None


def test_an_import_counts_every_row(people: dict[str, Any]) -> None:
    assert people["rows"] == people["added"] + people["updated"] + people["merged"] + people["rejected"] == 21
    assert (people["added"], people["rejected"]) == (20, 1)
    assert [reject["row"] for reject in people["rejects"]] == [22]


def test_a_position_shows_its_criteria_as_they_were_read(position: dict[str, Any]) -> None:
    assert [(c["key"], c["kind"]) for c in position["criteria"]] == [
        ("must-1", "must"),
        ("must-2", "must"),
        ("nice-1", "nice"),
        ("excl-1", "exclude"),
    ]


def test_screening_counts_every_item_and_its_figures_agree_everywhere(
    line: CommandLine, screened: dict[str, Any]
) -> None:
    assert screened["status"] == "succeeded"
    assert screened["items"] == 20 == screened["done"] + screened["failed"] + screened["unknown"] + screened["skipped"]
    shown = line.asked("runs", "show", screened["run_id"])
    assert {name: shown[name] for name in ("status", "items", "done", "failed", "unknown", "cost")} == {
        name: screened[name] for name in ("status", "items", "done", "failed", "unknown", "cost")
    }
    assert sum(shown["states"].values()) == 20 and shown["states"]["done"] == shown["done"]
    usage = line.asked("usage", "--org", "Acme")
    runs = line.asked("runs", "list", "--org", "Acme")["runs"]
    assert usage["rows"][0]["user"] == RITA and usage["rows"][0]["provider"] == "openai"
    assert Decimal(str(usage["totals"]["cost"])) == sum(Decimal(str(run["cost"])) for run in runs) > 0


def test_an_export_holds_the_list_with_its_verdicts(
    line: CommandLine, screened: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    made = line.asked("export", "--user", RITA, "--list", "Spring", "--position", "Backend engineer", "-o", file)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert made["rows"] == len(rows) == 20
    assert sum(row["verdict"] in ("GO", "MAYBE", "NO GO") for row in rows) == screened["done"]
    assert list(tmp_path.iterdir()) == [file], "no half-written draft stays"


def test_the_other_organization_sees_none_of_it(
    line: CommandLine, people: dict[str, Any], screened: dict[str, Any], tmp_path: Path
) -> None:
    foreign = (
        ("export", "--user", SOL, "--list", people["list_id"], "-o", tmp_path / "theirs.csv"),
        ("runs", "show", screened["run_id"], "--user", SOL),
        ("runs", "cancel", screened["run_id"], "--user", SOL),
        ("screen", "--user", SOL, "--list", people["list_id"], "--position", "Backend engineer"),
    )
    for words in foreign:
        refused = line.ask(*words, "--json")
        assert refused.code == 1 and refused.object["error"], words
    assert list(tmp_path.iterdir()) == []
    assert line.asked("runs", "list", "--user", SOL) == {"runs": []}
    assert line.asked("usage", "--org", "Zenith")["rows"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("users", "add", RITA, "--org", "Acme", "--role", "admin", "--password-stdin"), "already has an account"),
        (("users", "add", "new@acme.example", "--org", "Acme", "--role", "king"), "king"),
        (("import", "{home}/empty.csv", "--user", RITA, "--list", "L"), "empty"),
        (("import", "{home}/people.csv", "--user", "stranger@acme.example", "--list", "L"), "No active user"),
        (("positions", "add", "--user", RITA, "--title", "T", "--brief-file", "{home}/empty.csv"), "must-have"),
        (("screen", "--user", RITA, "--list", "Nowhere", "--position", "Backend engineer"), "list"),
        (("export", "--user", RITA, "--list", "Spring", "-o", "/nowhere/out.csv"), "cannot be written"),
        (("usage", "--org", "Nobody Inc"), "Nobody Inc"),
        (("usage", "--org", "Acme", "--from", "yesterday"), "yesterday"),
        (("runs", "show", "12"), "not the id of a run"),
        (("runs", "show", "00000000-0000-0000-0000-000000000001"), "No run"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_one_object(
    line: CommandLine, people: dict[str, Any], position: dict[str, Any], words: tuple[str, ...], sentence: str
) -> None:
    (line.home / "empty.csv").touch()
    refused = line.ask(*(word.format(home=line.home) for word in words), "--json", stdin=f"{PASSWORD}\n")
    assert refused.code != 0
    assert sentence in refused.object["error"] and sentence in refused.errors
    assert "Traceback" not in refused.errors


def test_without_a_server_a_run_nobody_waits_for_stays_queued_and_can_be_cancelled(
    line: CommandLine, people: dict[str, Any], position: dict[str, Any]
) -> None:
    started = line.asked(
        "screen", "--user", RITA, "--list", "Spring", "--position", position["position_id"], "--everybody", "--most", 3
    )
    assert (started["status"], started["items"]) == ("queued", 3)
    assert line.asked("runs", "cancel", started["run_id"])["status"] == "stopped"
    assert line.asked("runs", "show", started["run_id"])["cost"] == 0


def test_a_killed_drive_is_replaced_while_the_command_waits(
    line: CommandLine, people: dict[str, Any], position: dict[str, Any]
) -> None:
    with serve(port=int(line.environment["SIMULATORS_PORT"]), people=100) as simulators:
        simulators.faults(
            latency=[
                {"provider": "openai", "route": "*", "distribution": {"kind": "lognormal", "median": 2, "sigma": 0.1}}
            ]
        )
        waiting = line.start(
            *("screen", "--user", RITA, "--list", "Spring", "--position", position["position_id"]),
            *("--everybody", "--wait", "--json"),
        )
        try:
            wait_until(lambda: len(simulators.ledger("openai")) > 0 or waiting.poll() is not None, 60)
            [drive] = drives_of(line)
            os.kill(drive, signal.SIGKILL)
            simulators.faults(clear=True)
            output, errors = waiting.communicate(timeout=60)
        finally:
            waiting.kill()
            waiting.communicate()
    result = Finished(waiting.returncode, output, errors)
    assert result.code == 0, errors
    assert (result.object["status"], result.object["items"]) == ("succeeded", 20)
    assert result.object["done"] + result.object["skipped"] == 20


def drives_of(line: CommandLine) -> list[int]:
    """The drive processes of this home."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if "services.drive" in words and process.environ().get("SOURCINGX_HOME") == str(line.home):
            found.append(process.info["pid"])
    return found


def test_what_was_left_behind_is_cleared_and_told(line: CommandLine) -> None:
    draft = line.home / "cache" / "files" / "tmpdraft"
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text("half")
    os.utime(draft, (0, 0))
    told = line.facts("gc")
    assert (told["uploads"], told["things"], told["bytes"], told["troubles"]) == (0, 1, 4, [])
    assert {"what": "drafts", "things": 1, "bytes": 4} in told["cleared"] and not draft.exists()


def test_the_status_is_told_with_the_server_down(line: CommandLine) -> None:
    told = line.asked("status")
    lights = {one["provider"]: (one["mode"], one["light"]) for one in told["providers"]}
    assert len(lights) == 5 and lights["salesql"] == ("simulated", "Works")
    assert told["database"]["answers"] and told["limiter"]["answers"]
    assert "@" not in json.dumps(told)


def test_quotas_stand_beside_the_usage_of_their_organization_and_of_no_other(
    line: CommandLine, screened: dict[str, Any]
) -> None:
    quotas = line.asked("usage", "--org", "Acme")["quotas"]
    [mine] = [quota for quota in quotas if (quota["user"], quota["provider"]) == (RITA, "openai")]
    assert (mine["meter"], mine["cap"], mine["reserved"]) == ("candidates", 5000, 0)
    assert screened["done"] <= mine["used"] == 5000 - mine["left"] <= 20 + 20 + 3
    assert [quota["cap"] for quota in quotas if quota["user"] is None] == [5000], "SalesQL calls, of the organization"
    theirs = line.asked("usage", "--org", "Zenith")["quotas"]
    assert {quota["user"] for quota in theirs} == {SOL, None} and not any(quota["used"] for quota in theirs)
    told = line.ask("usage", "--org", "Acme").output.partition("quota of")[2]
    assert f"{mine['used']:,}" in told and "the organization" in told and RITA in told


def test_screening_says_what_is_left_of_a_quota_and_is_refused_beyond_it(
    line: CommandLine, screened: dict[str, Any], position: dict[str, Any]
) -> None:
    words = ("screen", "--user", RITA, "--list", "Spring", "--position", position["position_id"], "--everybody")
    started = line.ask(*words, "--most", 3, "--json")
    assert started.code == 0 and "of 5,000 candidates left today.\n" in started.errors
    assert line.asked("runs", "cancel", started.object["run_id"])["status"] == "stopped"
    candidates = What("openai", Meter.CANDIDATES)
    with services_behind(line) as services:
        rita = services.accounts.actor_called(RITA)
        [quota] = [one for one in services.quotas.mine(rita).quotas if (one.whose, one.what) == (rita.name, candidates)]
        services.quotas.set_cap(rita, rita.user_id, candidates, quota.used + 2)
        try:
            refused = line.ask(*words, "--most", 3, "--json")
            fitting = line.asked(*words, "--most", 2)
        finally:
            services.quotas.set_cap(rita, rita.user_id, candidates, Decimal(5000))
    assert refused.code == 1 and "2 left today: choose at most 2 people." in refused.object["error"]
    assert "2 of" in refused.errors and "A manager or an admin of the organization can raise it." in refused.errors
    assert line.asked("runs", "cancel", fitting["run_id"])["items"] == 2


def test_leases_are_listed_with_their_holders_and_ended_by_their_id(line: CommandLine) -> None:
    assert line.asked("leases", "list") == {"leases": []}
    assert line.ask("leases", "list").output == "Nothing is held.\n"
    with services_behind(line) as services:
        rita, sol = (services.accounts.actor_called(email) for email in (RITA, SOL))
        lease = services.leases.take(rita, "phantombuster agent 7")
        services.leases.take(sol, "phantombuster agent 8")
        held, other = line.asked("leases", "list")["leases"]
        assert (held["thing"], held["fence"], held["user_name"], held["org_name"]) == (
            *("phantombuster agent 7", lease.fence, rita.name, "Acme"),
        )
        assert other["org_name"] == "Zenith" and 0 < held["seconds_left"] <= 30
        told = line.ask("leases", "list").output.splitlines()
        assert told[0].startswith(f"{held['lease_id']}  phantombuster agent 7: {rita.name} (Acme) since 20")
        with pytest.raises(Conflict, match=f"in use by {rita.name}|in use by another"):
            services.leases.take(sol, "phantombuster agent 7")
        assert line.asked("leases", "release", held["lease_id"]) == {
            "lease_id": held["lease_id"],
            "thing": "phantombuster agent 7",
        }
        with pytest.raises(Conflict, match="not yours any more"):
            services.leases.renew(rita, lease)
        assert services.leases.take(sol, "phantombuster agent 7").fence > lease.fence


@pytest.mark.parametrize("lease", ["", "agent 7", "²", "1.0", "9" * 19])
def test_what_is_no_id_of_a_lease_is_refused_in_a_sentence(line: CommandLine, lease: str) -> None:
    refused = line.ask("leases", "release", lease, "--json")
    assert refused.code == 1 and f"“{lease}” is not the id of a lease." == refused.object["error"]


def test_a_lease_that_does_not_live_cannot_be_ended(line: CommandLine) -> None:
    refused = line.ask("leases", "release", 999_999_999, "--json")
    assert refused.code == 1 and "No such lease is held now." in refused.object["error"]
    unsigned = line.ask("leases", "release", "--json", "--", "-1")
    assert unsigned.code != 0 and "Traceback" not in unsigned.errors


def test_who_shares_a_limited_key_is_weighed_and_that_is_noted(line: CommandLine) -> None:
    assert line.asked("share", "2.5", "--org", "Acme", "--user", RITA) == {"org": "Acme", "user": RITA, "share": 2.5}
    assert line.ask("share", "1", "--org", "Acme").output == "Acme now has a share of 1.\n"
    assert "from 0.1 to 100" in line.ask("share", "0", "--org", "Acme", "--json").object["error"]
    with services_behind(line) as services:
        rita = services.accounts.actor_called(RITA)
        with services.database.act_as(rita) as tx:
            assert shares_of(tx, rita.user_id) == (2.5, 1.0)
            noted = tx.execute(
                "SELECT object, detail FROM audit_events WHERE action = 'share_set' ORDER BY id"
            ).fetchall()
    assert noted == [(f"user:{rita.user_id}", {"share": 2.5}), ("organization", {"share": 1})]
