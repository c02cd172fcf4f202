"""Plain HTTP: sign-in, health, files, and what guards every request, Dash's own included."""

from flask import Flask

from routes import (
    account,
    callback_body,
    compression,
    errors,
    exports,
    files,
    forgery,
    guard,
    headers,
    health,
    request_log,
    sessions,
    sign_in,
    uploads,
)
from services.settings import Settings


def register(server: Flask, settings: Settings) -> None:
    """Add every route and every hook; hooks run before a request in this order, after it in reverse."""
    request_log.register(server)
    sessions.register(server, settings)
    guard.register(server)
    forgery.register(server, settings)
    callback_body.register(server)
    files.register(server)
    compression.register(server)
    headers.register(server, settings)
    errors.register(server)
    health.register(server, settings)
    sign_in.register(server)
    account.register(server)
    exports.register(server)
    uploads.register(server)
