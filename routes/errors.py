"""Errors on their way to a browser: words for a person, JSON for a program, never a traceback."""

import secrets

import structlog
from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from routes.guard import is_for_machines
from services.errors import AppError, Busy, Incident

log = structlog.get_logger(__name__)


def register(server: Flask) -> None:
    server.register_error_handler(AppError, show_app_error)
    server.register_error_handler(HTTPException, show_http_error)
    server.register_error_handler(Exception, show_incident)


def show_app_error(error: AppError) -> ResponseReturnValue:
    headers = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, Busy) else {}
    return answer(error.message, error.status), error.status, headers


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()
    status = error.code or 500
    return answer(error.description or error.name, status), status, dict(error.get_headers())


def show_incident(error: Exception) -> ResponseReturnValue:
    incident = Incident(secrets.token_hex(4))
    log.error("incident", incident=incident.number, endpoint=request.endpoint, exc_info=error)
    return answer(incident.message, 500), 500


def answer(words: str, status: int) -> ResponseReturnValue:
    if is_for_machines() and not accepts_page():
        return jsonify(error=words)
    return render_template("error.html", words=words, status=status)


def accepts_page() -> bool:
    """A form posted by a person asks for a page; a program asks for anything or JSON."""
    return "text/html" in request.headers.get("Accept", "")
