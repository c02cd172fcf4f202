"""The queue between who starts drives and Celery's workers: Redis holds the ids of drives that no worker has yet.

A message is a drive's id. Whether it still means anything is asked of PostgreSQL when a worker has it in hand, so a
message may be lost, late or there twice (docs/decisions/background.md, Several hosts).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import redis
import structlog

from services.clock import Clock
from services.domain.turns import QueueState
from services.runs.launch import QueueAway

if TYPE_CHECKING:
    from celery import Celery

TASK = "drive"
QUEUE = "drives"
KEY_PREFIX = "sourcingx:queue:"
LOOK_LASTS_SECONDS = 2.0
ANSWER_SECONDS = 1.0
"""For one question to Redis: a click waits for it, and so does a sweep, whose lease is six seconds."""
VISIBILITY_SECONDS = 3600
"""After so long a message that no worker has acknowledged is handed out again, though its drive may live.

No run depends on it: whose worker died is found by its lease. It is long, so that a long run's message is handed out
(and refused) once an hour; it is finite, so that what a dead worker leaves in Redis goes away.
"""

log = structlog.get_logger(__name__)


@dataclass
class DriveQueue:
    """The sending end; safe for threads, made anew by each process."""

    url: str
    clock: Clock
    looked_at: float | None = field(default=None)
    seen: QueueState = field(default=QueueState.OPEN)

    @cached_property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url, retry=None, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )

    @cached_property
    def celery(self) -> "Celery":
        # A job process has no use for Celery, which takes 0.3 s to load.
        from services.runs.celery_app import make_celery

        return make_celery(self.url)

    def send(self, drive_id: UUID) -> None:
        """Hand a drive to the first worker with a free place. Raises QueueAway."""
        from kombu.exceptions import KombuError

        try:
            self.celery.send_task(TASK, args=[str(drive_id)], task_id=str(drive_id))
        except (KombuError, redis.RedisError, OSError) as error:
            raise QueueAway(str(error)) from error

    def state(self) -> QueueState:
        """Whether a message would be taken at once: one that waits says that no worker has a free place."""
        try:
            waiting: Any = self.redis.llen(f"{KEY_PREFIX}{QUEUE}")
        except redis.RedisError as error:
            log.warning("run.queue.away", reason=str(error))
            return QueueState.AWAY
        return QueueState.FULL if waiting else QueueState.OPEN

    def look(self) -> QueueState:
        """The state as of the last two seconds, for people who watch."""
        now = self.clock.steady()
        if self.looked_at is None or now - self.looked_at > LOOK_LASTS_SECONDS:
            self.looked_at = now
            self.seen = self.state()
        return self.seen

    def close(self) -> None:
        self.redis.close()
        if "celery" in self.__dict__:
            self.celery.close()
