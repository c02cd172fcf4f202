"""Gunicorn, with a reason beside each number."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from services.settings import load_settings

settings = load_settings()
metrics_folder = settings.home_path / "metrics"

wsgi_app = "wsgi:server"
bind = f"{settings.bind}:{settings.port}"

# Threads, because a request mostly waits for the database; processes, because Python computes one at a time.
worker_class = "gthread"
workers = settings.web_concurrency
# As many as the database pool of a worker has connections: more would only wait for one inside.
threads = 8
# Kept-alive connections wait in one thread's selector, not each in a thread of its own.
worker_connections = 1000
keepalive = 30

# For gthread this is a heartbeat of the worker, not a limit on a request; statements have their own (15 s).
timeout = 60
# Longer than the longest statement, so that a deploy lets every request finish.
graceful_timeout = 20
# The largest it allows: routes.guard refuses a little earlier, with a page of ours.
limit_request_line = 8190
# Nothing is remembered between requests, so nothing grows; recycling would only add cold starts.
max_requests = 0

# Heartbeat files in memory: on a busy disk a stalled write looks like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108
# Two installations of one user would share the default control socket.
control_socket_disable = True

# No import before the fork: pools and threads made then would be shared by all workers or lost.
preload_app = False
# One line a request is written by routes.request_log, which knows routes and ids and hides addresses.
accesslog = None
errorlog = "-"
loglevel = settings.log_level.lower()

# Prometheus sums up the workers through files in this folder; the name is the library's own.
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={metrics_folder}"]


def on_starting(_server: Any) -> None:
    """Figures of workers long gone would be counted for ever."""
    shutil.rmtree(metrics_folder, ignore_errors=True)
    metrics_folder.mkdir(parents=True, mode=0o700)


def post_worker_init(worker: Any) -> None:
    """Take requests only when warm (docs/decisions/web.md, Cold workers)."""
    from app import warm_up

    warm_up(worker.app.callable.extensions["dash"])


def child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid, path=str(metrics_folder))


def worker_exit(_server: Any, _worker: Any) -> None:
    """Connections are let go of here: a pool that is still open when the interpreter ends complains in the log."""
    from services.wiring import current

    current().database.close()
