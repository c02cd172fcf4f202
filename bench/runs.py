"""A run's cost beside its calls: our CPU a person, people a second, and the memory of a job.

Run with `python -m bench.runs`. A throw-away database, the simulated OpenAI without latency and limits, the
real screening; beside it the vendor's SDK in a bare loop with the same requests. Ratios of one machine and run.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg

from services.clock import SystemClock
from services.db.embedded import DATABASE, Access
from services.db.migrate import upgrade
from services.db.prices import add_known_prices
from services.db.runs import RunOrder
from services.demo import make_demo
from services.domain.actors import Actor, Role
from services.providers.openai import make_client, request_body
from services.runs.kinds import ClaimedItem, Prepared
from services.screening import ScreeningOrder
from services.screening_work import ScreeningWork
from services.settings import Settings
from services.simulators import serve
from services.wiring import Services, build, embedded_postgres

SIZES = (1_000, 10_000)
IN_FLIGHT = 64
MOST_CPU_MS = 3.0
LEAST_SPEED = 0.6
MOST_MEMORY_MB = 150


@dataclass(frozen=True)
class Used:
    """What one process took."""

    seconds: float
    cpu_seconds: float
    memory_mb: float


def measured(command: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> Used:
    """Run a command to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Used(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def bare_loop() -> None:
    """The SDK alone: reads one request as JSON and sends it `count` times."""
    order = json.load(sys.stdin)

    async def loop() -> None:
        client = make_client("simulated", order["base_url"], 60)
        left = iter(range(order["count"]))

        async def worker() -> None:
            for _ in left:
                completion = await client.chat.completions.create(**order["body"])
                json.loads(completion.choices[0].message.content or "")

        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))

    asyncio.run(loop())


def someone(connection: psycopg.Connection[Any]) -> Actor:
    row = connection.execute(
        "SELECT id, org_id, role, name, email FROM users WHERE role = 'recruiter' LIMIT 1"
    ).fetchone()
    assert row is not None
    return Actor(row[0], row[1], Role(row[2]), row[3], row[4])


def people(connection: psycopg.Connection[Any], actor: Actor, count: int) -> UUID:
    """A list of so many people, copies of the demo's."""
    list_id = uuid4()
    connection.execute(
        "INSERT INTO lists (id, org_id, name, created_by) VALUES (%s, %s, %s, %s)",
        [list_id, actor.org_id, f"Bench {count}", actor.user_id],
    )
    connection.execute(
        """
        WITH given AS (
          SELECT c.full_name, p.profile, p.snapshot_hash, n, row_number() OVER (ORDER BY n, c.id) AS number
            FROM candidates c JOIN candidate_profiles p ON p.candidate_id = c.id, generate_series(1, 20) n
           WHERE c.org_id = %(org)s AND c.source <> 'bench' AND jsonb_array_length(p.profile -> 'roles') > 0
           ORDER BY n, c.id LIMIT %(count)s),
        made AS (
          INSERT INTO candidates (org_id, profile_url, full_name, source)
          SELECT %(org)s, 'https://www.linkedin.com/in/bench-' || %(count)s || '-' || number, full_name, 'bench'
            FROM given
          RETURNING id, profile_url),
        filled AS (
          INSERT INTO candidate_profiles (candidate_id, org_id, profile, snapshot_hash)
          SELECT m.id, %(org)s, g.profile, g.snapshot_hash
            FROM made m JOIN given g
              ON m.profile_url = 'https://www.linkedin.com/in/bench-' || %(count)s || '-' || g.number)
        INSERT INTO list_members (list_id, candidate_id, org_id) SELECT %(list)s, id, %(org)s FROM made
        """,
        {"org": actor.org_id, "count": count, "list": list_id},
    )
    return list_id


def one_request(services: Services, actor: Actor, run_id: UUID) -> dict[str, Any]:
    """The body that the screening sends for one person of this run."""
    with services.database.act_as(actor) as tx:
        row = tx.execute(
            "SELECT i.id, i.candidate_id, r.version_id, r.parameters FROM run_items i JOIN runs r ON r.id = i.run_id"
            " WHERE r.id = %s LIMIT 1",
            [run_id],
        ).fetchone()
        assert row is not None
        work = ScreeningWork(services.clock, None, services.settings.openai_model)  # type: ignore[arg-type]  # no call here
        order = RunOrder(run_id, actor.org_id, actor.user_id, "screening", row[2], None, row[3], None)
        item = ClaimedItem(row[0], row[1], position=1, attempts=0)
        (prepared,) = work.prepare(tx, order, [item])
    assert isinstance(prepared, Prepared)
    prompt, text = prepared.request.prompt, prepared.request.subject.text.text
    return request_body(
        services.settings.openai_model, prompt.messages_for(text), "screening", prompt.schema, prompt.max_output_tokens
    )


def bench(services: Services, access: Access, environment: Mapping[str, str]) -> bool:
    python = sys.executable
    idle = measured([python, "-c", "import services.drive, openai, httpx2; from openai.types import chat"], environment)
    is_good, memories = True, []
    with psycopg.connect(access.url("postgres", access.superuser_password, DATABASE), autocommit=True) as connection:
        actor = someone(connection)
        found = connection.execute(
            "SELECT position_id FROM position_versions WHERE org_id = %s AND approved_at IS NOT NULL", [actor.org_id]
        ).fetchone()
        assert found is not None
        print("  people  people/s   bare/s  ratio  CPU ms   bare   ours     MB")
        for size in SIZES:
            order = ScreeningOrder(found[0], list_id=people(connection, actor, size), which="all", extras=False)
            run = services.screening.start(actor, order)
            body = {"base_url": services.settings.provider_base_url("openai"), "count": size}
            given = json.dumps(body | {"body": one_request(services, actor, run.run_id)}).encode()
            bare = measured([python, "-m", "bench.runs", "bare"], environment, given)
            drive = measured([python, "-m", "services.drive", str(run.drive_id)], environment)
            progress = services.runs.progress(actor, run.run_id)
            if progress.done + progress.failed < 0.99 * size:
                raise RuntimeError(f"the run came to {progress}")
            cpu, bare_cpu = (1000 * (used.cpu_seconds - idle.cpu_seconds) / size for used in (drive, bare))
            speed, bare_speed = (size / (used.seconds - idle.seconds) for used in (drive, bare))
            print(
                f"{size:>8,} {speed:>9.0f} {bare_speed:>8.0f} {speed / bare_speed:>6.2f} {cpu:>7.2f} {bare_cpu:>6.2f}"
                f" {cpu - bare_cpu:>6.2f} {drive.memory_mb:>6.0f}"
            )
            memories.append(drive.memory_mb)
            is_good = is_good and cpu - bare_cpu <= MOST_CPU_MS and speed >= LEAST_SPEED * bare_speed
    return is_good and max(memories) <= MOST_MEMORY_MB


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sourcingx-bench-") as folder, serve(people=2_000) as simulators:
        simulators.limits(openai_rpm=None, openai_tpm=None)
        environment = os.environ | {
            "SOURCINGX_HOME": folder,
            "SIMULATORS_PORT": str(urlsplit(simulators.url).port),
            "OPENAI_REQUESTS_PER_MINUTE": "100000000",
            "OPENAI_TOKENS_PER_MINUTE": "100000000000",
            "RUN_IN_FLIGHT": str(IN_FLIGHT),
            "SIMULATE": "1",
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(environment)
        settings = Settings()
        postgres = embedded_postgres(settings)
        access = postgres.ensure_running()
        try:
            upgrade(access.owner_url)
            add_known_prices(access.owner_url)
            services = build(settings, SystemClock())
            make_demo(settings, print)
            is_good = bench(services, access, environment)
            services.database.close()
        finally:
            postgres.stop(immediately=True)
    print("within the figures" if is_good else "OUTSIDE the figures")
    raise SystemExit(0 if is_good else 1)


if __name__ == "__main__":
    bare_loop() if Path(sys.argv[-1]).name == "bare" else main()
