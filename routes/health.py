"""Is the process up, can it work, and what has it done: for supervisors, balancers and Prometheus."""

import hmac
import ipaddress
import os

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from routes.metrics import InstallationFigures
from services.errors import AppError
from services.settings import Settings
from services.wiring import current

blueprint = Blueprint("health", __name__)


def register(server: Flask, settings: Settings) -> None:
    server.register_blueprint(blueprint)
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    server.config.update(METRICS_TOKEN=token)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers; it says nothing of the database, so that a restart of it restarts nothing else."""
    return jsonify(status="up")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The database, the limiter's store and the file store answer; otherwise 503 and what does not."""
    services = current()
    missing = []
    try:
        services.accounts.database_answers()
    except AppError:
        missing.append("database")
    if not services.limiter_watch.answers():
        missing.append("limiter")
    files = services.settings.files_path
    if not os.access(files if files.exists() else services.settings.home_path, os.W_OK):
        missing.append("files")
    return jsonify(status="not ready" if missing else "ready", missing=missing), 503 if missing else 200


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    if not may_read_metrics():
        return jsonify(error="Metrics are for this machine, or for whoever has METRICS_TOKEN."), 403
    registry = current_app.extensions["metrics_registry"]
    if "prometheus_multiproc_dir" in os.environ or "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    installation = CollectorRegistry()
    installation.register(InstallationFigures(current().status))
    figures = generate_latest(registry) + generate_latest(installation)
    return Response(figures, content_type=CONTENT_TYPE_LATEST)


def may_read_metrics() -> bool:
    token = current_app.config["METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # Behind a proxy on this machine everybody would seem local; what was forwarded is not.
    was_forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
    return not was_forwarded and ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104
