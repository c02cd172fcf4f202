"""Celery as we use it: one queue, one task with one argument, and no memory of its own.

The reason beside each setting; what was considered is in docs/decisions/background.md, Several hosts.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from celery import Celery

from services.runs.drive_queue import ANSWER_SECONDS, KEY_PREFIX, QUEUE, VISIBILITY_SECONDS

SETTINGS: Mapping[str, Any] = {
    # A message is read as data, never as code.
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_default_queue": QUEUE,
    # Late, so that what a worker holds unacknowledged is what it drives: with it, the next two lines keep a message
    # that no worker has room for in Redis, where it is counted and where another worker finds it. A worker that dies
    # gives its messages back; whether they still mean anything is asked of the database.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    # Counts what goes on here rather than what this connection has fetched: after a reconnection both differ.
    "worker_disable_prefetch": True,
    # A connection that breaks is no reason to end a run: it is driven by another process, which does not need Redis
    # for its results, and the database says whose it is.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Nobody can tell a worker to revoke or terminate anything: the run's state is the flag. Nor do workers talk to
    # each other about themselves.
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    # What became of a drive is in the database. Dash's manager wants a place for results; this one stays empty, in
    # the memory of the process that looks.
    "task_ignore_result": True,
    "result_backend": "cache+memory://",
    # Who starts a drive does not wait for a broker that is away: the run stays queued and the sweeper tries again.
    "task_publish_retry": False,
    # A worker does wait, from its first attempt on and for ever.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # Our own lines, in our own form.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
}
TRANSPORT: Mapping[str, Any] = {
    "global_keyprefix": KEY_PREFIX,
    "visibility_timeout": VISIBILITY_SECONDS,
    # A worker without a free place wakes only for its timers, of which this is the most frequent: so a place that
    # becomes free is given away within a second. Every tenth time, which is the default, it also looks for messages
    # to hand out again.
    "unacked_restore_interval": 1,
    # Without bounds a command to a host that has vanished waits for ever.
    "socket_timeout": 5 * ANSWER_SECONDS,
    "socket_connect_timeout": ANSWER_SECONDS,
    "socket_keepalive": True,
    # A connection that is dead without having been closed is noticed within about ten seconds.
    "health_check_interval": 5,
    # For who sends: one attempt.
    "max_retries": 0,
}


def make_celery(redis_url: str, transport: Mapping[str, Any] = TRANSPORT) -> Celery:
    """An application on this Redis; nothing is connected until it is used."""
    celery = Celery("sourcingx", broker=redis_url, set_as_current=False)
    celery.conf.update(SETTINGS, broker_transport_options=dict(transport))
    if redis_url.startswith("rediss://"):
        # By itself Celery would believe any certificate; an address that says otherwise is obeyed.
        celery.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    return celery
