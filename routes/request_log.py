"""One line a request, as JSON, with ids only; and the same facts as figures for Prometheus."""

import secrets
import time

import structlog
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram

from routes.callback_body import CALLBACK_PATH
from routes.sessions import recognized

REQUEST_ID = "X-Request-ID"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

log = structlog.get_logger("request")


def register(server: Flask) -> None:
    registry = CollectorRegistry()
    requests = Counter("sourcingx_requests", "Requests answered.", ["kind", "status"], registry=registry)
    seconds = Histogram("sourcingx_request_seconds", "Time to answer.", ["kind"], buckets=SECONDS, registry=registry)
    server.extensions["metrics_registry"] = registry

    def begin() -> None:
        g.started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=secrets.token_hex(8))

    def finish(response: Response) -> Response:
        elapsed = time.perf_counter() - g.started
        requests.labels(kind(), f"{response.status_code // 100}xx").inc()
        seconds.labels(kind()).observe(elapsed)
        response.headers[REQUEST_ID] = structlog.contextvars.get_contextvars().get("request_id", "")
        log.info(
            "answered",
            method=request.method,
            # The route, never the address: an address can hold a one-time secret or a search for a name.
            route=request.endpoint,
            status=response.status_code,
            ms=round(elapsed * 1000, 1),
            user_id=user_id(),
        )
        return response

    server.before_request(begin)
    server.after_request(finish)


def kind() -> str:
    if request.path == CALLBACK_PATH:
        return "callback"
    return "page" if request.endpoint in ("/", "/<path:path>") else "other"


def user_id() -> str | None:
    person = recognized()
    return str(person.actor.user_id) if person else None
