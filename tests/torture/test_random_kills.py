"""One large run, and fifty kills at random of everything that takes part in it."""

import os
import random
import signal
import time
from collections.abc import Iterator
from uuid import UUID

import psutil
import pytest

from services.db.embedded import EmbeddedPostgres
from services.settings import Settings
from services.wiring import Services, build
from tests.fixtures.app import wait_until
from tests.fixtures.product import ANA, Product, make_willing
from tests.journeys.accounts_of import charges_agree, unknown_calls
from tests.torture.orders import order_a_screening

pytestmark = pytest.mark.timeout(2_400)
PEOPLE, KILLS = 5_000, 50
LONGEST_PAUSE_SECONDS = 0.5
ENDS_WITHIN_SECONDS = 900
RESUMED_WITHIN_SECONDS = 15.0
MOST_IN_FLIGHT = 400  # the setting RUN_IN_FLIGHT
# What is killed most often is what a run consists of.
VICTIMS = ("driver",) * 5 + ("web worker", "web", "sweeper", "simulators", "postgres")


@pytest.fixture
def services(product: Product) -> Iterator[Services]:
    built = build(Settings(_env_file=None, SOURCINGX_HOME=str(product.home)))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and an alias
    yield built
    built.database.close()


@pytest.mark.parametrize("seed", [20_261])
def test_fifty_random_kills_cost_nobody_a_result_and_nothing_is_charged_in_secret(
    product: Product, services: Services, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(seed)
    unknown_before = set(unknown_calls(product))
    run_id = order_a_screening(product, services, ANA, PEOPLE)
    killed: list[str] = []
    while len(killed) < KILLS:
        # Spread over the whole run, however quickly it goes on.
        wait_until(lambda: settled(product, run_id) >= len(killed) * PEOPLE // (KILLS + 2), 120, product.logs)
        time.sleep(dice.uniform(0.0, LONGEST_PAUSE_SECONDS))
        victim = dice.choice(VICTIMS)
        if kill(product, run_id, victim, dice):
            killed.append(victim)
    wait_until(lambda: has_ended(product, run_id), ENDS_WITHIN_SECONDS, product.logs)
    state, items, done, skipped, unknown, failed, refused = product.rows(
        "SELECT state, items, done, skipped, unknown, failed, refused FROM runs WHERE id = %s", run_id
    )[0]
    assert (state, items, done + skipped + unknown + failed + refused) == ("succeeded", PEOPLE, PEOPLE)
    results = product.rows("SELECT count(*), count(DISTINCT candidate_id) FROM screenings WHERE run_id = %s", run_id)
    assert results == [(done, done)], "everybody who was done has exactly one result"
    assert charges_agree(product) == []
    perhaps = set(unknown_calls(product)) - unknown_before
    assert len(perhaps) <= KILLS * MOST_IN_FLIGHT
    longest = product.value(LONGEST_PAUSE, run_id)
    with capsys.disabled():
        print(f"\nseed {seed}: {KILLS} kills ({', '.join(f'{killed.count(v)} {v}' for v in dict.fromkeys(VICTIMS))});")
        print(f"{done} done, {skipped} skipped, {unknown} unknown, {failed} failed; {len(perhaps)} calls perhaps")
        print(f"charged, all listed; without a driver for {longest:.1f} s at most")
    assert longest <= RESUMED_WITHIN_SECONDS


# From the last beat of a drive that was lost to the start of the next one.
LONGEST_PAUSE = """
SELECT coalesce(max(extract(epoch FROM taken_at - before)), 0)::float8
  FROM (SELECT taken_at, lag(beat_at) OVER (ORDER BY fence) AS before
          FROM drives WHERE run_id = %s AND fence IS NOT NULL) AS turns
"""


def kill(product: Product, run_id: UUID, victim: str, dice: random.Random) -> bool:
    """End one process as the kernel would; False if there was none just now."""
    try:
        match victim:
            case "driver":
                living = product.drivers(run_id)
            case "web worker":
                living = product.web_workers()
            case "postgres":
                pid = EmbeddedPostgres(product.home).server_pid()
                living = [psutil.Process(pid)] if pid else []
            case _:
                living = [product.part(victim)]
        if not living:
            return False
        os.kill(dice.choice(living).pid, signal.SIGKILL)
    except (psutil.Error, ProcessLookupError, OSError, IndexError, ValueError):
        return False
    if victim == "simulators":
        wait_until(lambda: is_willing(product), 60, product.logs)
    if victim == "postgres":
        wait_until(lambda: is_answering(product), 60, product.logs)
    return True


def is_willing(product: Product) -> bool:
    try:
        make_willing(product)
    # Whatever a service says that is just being started: it is asked again.
    except Exception:
        return False
    return True


def is_answering(product: Product) -> bool:
    try:
        return bool(product.value("SELECT true"))
    # Whatever a server says that is just being started: it is asked again.
    except Exception:
        return False


def settled(product: Product, run_id: UUID) -> int:
    found: int = product.value("SELECT done + skipped FROM runs WHERE id = %s", run_id)
    return found


def has_ended(product: Product, run_id: UUID) -> bool:
    ended: bool = product.value("SELECT finished_at IS NOT NULL FROM runs WHERE id = %s", run_id)
    return ended
