"""One drive in a process of its own: take the wheel, drive, and come to rest when asked to by SIGTERM."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import structlog

from services.clock import Clock
from services.db.pool import Database
from services.db.runs import TakenRun
from services.errors import Busy
from services.runs.checkpoints import Checkpoints
from services.runs.driver import Driver, DriveSettings
from services.runs.gate import Gate
from services.runs.kinds import Kind
from services.runs.wheel import Wheel, WheelLost, take_wheel

TURNED_AWAY = "turned away"
WHEEL_LOST = "wheel lost"
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.5

log = structlog.get_logger(__name__)


def inherit_nothing() -> None:
    """Default signals and an empty mask: a parent's choices survive into a new program."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def take_patiently(database: Database, clock: Clock, drive_id: UUID) -> Wheel | None:
    """Take the wheel, waiting for a database that is just coming back. Raises Busy when it does not."""
    give_up_at = clock.steady() + PATIENCE_SECONDS
    while True:
        try:
            return take_wheel(database, clock, drive_id, own_name())
        except Busy:
            if clock.steady() > give_up_at:
                raise
            clock.sleep(RETRY_SECONDS)


def drive_run(
    database: Database,
    clock: Clock,
    drive_id: UUID,
    kind_for: Callable[[TakenRun], Kind],
    gate: Gate,
    settings: DriveSettings,
    checkpoints: Checkpoints | None = None,
) -> str:
    """Drive the run of this drive to its end; the run's state then, or why this process had nothing to do."""
    wheel = take_patiently(database, clock, drive_id)
    if wheel is None:
        log.info("run.turned_away", drive_id=str(drive_id))
        return TURNED_AWAY
    log.info("run.driven", run_id=str(wheel.run.run_id), drive_id=str(drive_id), fence=wheel.run.fence)
    try:
        outcome = asyncio.run(drive_until_rest(clock, wheel, kind_for, gate, settings, checkpoints))
    except WheelLost:
        outcome = WHEEL_LOST
    finally:
        gate.close()
    log.info("run.left", run_id=str(wheel.run.run_id), drive_id=str(drive_id), outcome=outcome)
    return outcome


async def drive_until_rest(
    clock: Clock,
    wheel: Wheel,
    kind_for: Callable[[TakenRun], Kind],
    gate: Gate,
    settings: DriveSettings,
    checkpoints: Checkpoints | None,
) -> str:
    driver = Driver(clock, wheel, kind_for(wheel.run), gate, settings, checkpoints)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, driver.drain)
    return await driver.drive()


def own_name() -> str:
    """This process by machine, boot, process namespace and number: nobody else's name while it lives."""
    return f"{machine()}:{os.getpid()}"


def machine() -> str:
    """What process numbers are unique within; on systems without /proc the host's name, which tells no death."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()


def is_dead(process: str) -> bool:
    """Whether a process of this machine has ended; a number that was given anew, or another machine's, is no proof."""
    place, _, number = process.rpartition(":")
    if place != machine() or "/" not in place or not number.isdigit():
        return False
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return state == "Z"
