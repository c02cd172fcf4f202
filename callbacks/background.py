"""The background managers: Dash's background callback starts a drive, and is never more than its client.

What Dash's own managers do under a long paid run, and why ours differ in each point, is in
docs/decisions/background.md. One machine has the one over diskcache, several hosts have the one over Celery; what
both do is `Drives`, and where a drive's process runs is the launcher's business.
"""

import sqlite3
from pathlib import Path
from typing import Any
from uuid import UUID

import diskcache
import structlog
from dash import CeleryManager, DiskcacheManager
from dash.exceptions import PreventUpdate

from callbacks.who import actor
from services.drive import drive
from services.errors import BadInput
from services.settings import Settings
from services.wiring import current, open_queue

ENTRY_SECONDS = 3600
LARGEST_CACHE_BYTES = 16_000_000

log = structlog.get_logger(__name__)


class Drives:
    """Has one drive started, kills nothing, and reads what became of it from the database; no store is used."""

    def make_job_fn(self, fn: Any, progress: Any, key: Any = None) -> Any:  # noqa: ARG002  # Dash's signature
        """The callback itself: a drive's process runs it, told the drive's id and nothing of the request."""
        return fn

    def build_cache_key(self, fn: Any, args: Any, cache_args_to_ignore: Any, triggered: Any) -> str:  # noqa: ARG002  # Dash's
        """The person and the drive: no two starts share a key, and no two people share an answer."""
        return f"{actor().user_id}:{parse_drive(args)}"

    def call_job_fn(self, key: str, job_fn: Any, args: Any, context: Any) -> str:  # noqa: ARG002  # Dash's signature
        """Start the drive's process if there is room; otherwise the sweeper does when there is."""
        drive_id = parse_drive(args)
        services = current()
        services.runs.drive(actor(), drive_id)
        services.launcher.start_drive(drive_id)
        return str(drive_id)

    def job_running(self, job: Any) -> bool:
        drive = current().runs.drive(actor(), UUID(job))
        return not (drive.has_ended or drive.run_has_ended)

    def result_ready(self, key: str) -> bool:
        return self.get_result(key, None) is not self.UNDEFINED

    def get_result(self, key: str, job: Any) -> Any:  # noqa: ARG002  # Dash's signature
        """What the drive came to, once it has ended: from the database, so that a wiped cache loses nothing."""
        drive_id = key.partition(":")[2]
        drive = current().runs.drive(actor(), UUID(drive_id))
        return drive_id if drive.has_ended or drive.run_has_ended else self.UNDEFINED

    def get_updated_props(self, key: str) -> dict[str, Any]:  # noqa: ARG002  # Dash's signature
        """Nothing: a drive speaks to no page."""
        return {}

    def terminate_job(self, job: Any) -> None:
        """Nothing: Dash calls this after every result too, and a call that was paid for is never killed."""

    def terminate_unhealthy_job(self, job: Any) -> bool:  # noqa: ARG002  # Dash's signature
        return False


class MachineManager(Drives, DiskcacheManager):  # type: ignore[misc]  # Dash ships no types
    """One machine: drives are processes of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(open_cache(folder), expire=ENTRY_SECONDS)


class HostsManager(Drives, CeleryManager):  # type: ignore[misc]  # Dash ships no types
    """Several hosts: drives go to Celery's workers. Dash's own task, terminations and results are never used."""


def background_manager(settings: Settings) -> MachineManager | HostsManager:
    queue = open_queue(settings)
    return MachineManager(settings.home_path / "background") if queue is None else HostsManager(queue.celery)


def open_cache(folder: Path) -> diskcache.Cache:
    """The cache that Dash asks for, in a folder of ours; one that cannot be read is thrown away, it holds nothing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        return open_json_cache(folder)
    except sqlite3.DatabaseError as error:
        log.warning("background.cache.unreadable", folder=str(folder), reason=str(error))
        for path in folder.glob(f"{diskcache.core.DBNAME}*"):
            path.unlink(missing_ok=True)
        return open_json_cache(folder)


def open_json_cache(folder: Path) -> diskcache.Cache:
    # JSON instead of pickle: reading an entry must never run code, whoever wrote it.
    return diskcache.Cache(str(folder), disk=diskcache.JSONDisk, size_limit=LARGEST_CACHE_BYTES)


def parse_drive(args: Any) -> UUID:
    """The one argument of the background callback."""
    try:
        return UUID(str(args[0] if isinstance(args, list | tuple) else args))
    except (ValueError, IndexError) as error:
        raise BadInput("There is nothing to start here.") from error


def drive_in_background(drive_id: str | None) -> str:
    """The background callback; its manager runs this as `python -m services.drive`, never in a web worker."""
    if not drive_id:
        raise PreventUpdate
    return drive(current(), UUID(drive_id))
