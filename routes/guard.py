"""One guard before every request: strangers reach what is listed here and nothing else."""

from urllib.parse import urlsplit

from flask import Flask, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from routes.throttle import refuse_wild_addresses, refuse_wild_people
from services.errors import AppError

# By endpoint, not by path: an address can be spelled in many ways, a matched route only in one.
OPEN_ENDPOINTS = frozenset(
    {
        "sign_in.login",
        "sign_in.show_link",
        "sign_in.redeem_link",
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "_dash_assets.static",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
        "/_favicon.ico",
    }
)
MACHINE_PATHS = ("/_", "/uploads", "/exports", "/live")
LONGEST_ADDRESS = 7_500
TOO_LONG = "This address is too long. Ask for less at once: fewer words, filters or people."
SIGNED_OUT = "You have been signed out. Please sign in again."


class AddressTooLong(AppError):
    """Nobody types such an address; the web server would cut it off with a page that is not ours."""

    status = 414


def register(server: Flask) -> None:
    server.before_request(refuse_long_addresses)
    server.before_request(refuse_wild_addresses)
    server.before_request(refuse_strangers)
    server.before_request(refuse_wild_people)


def refuse_long_addresses() -> None:
    """Raises AddressTooLong."""
    if len(request.path.encode()) + len(request.query_string) > LONGEST_ADDRESS:
        raise AddressTooLong(TOO_LONG)


def refuse_strangers() -> ResponseReturnValue | None:
    """Strangers get 401 where a program asks, and the sign-in page where a person does."""
    if request.endpoint in OPEN_ENDPOINTS or current_user.is_authenticated:
        return None
    if is_for_machines():
        return jsonify(error=SIGNED_OUT), 401
    return redirect(url_for("sign_in.login", next=request.full_path.rstrip("?")))


def is_for_machines() -> bool:
    """A redirect would be followed by fetch and end in a page where an answer was expected."""
    return request.method not in ("GET", "HEAD") or request.path.startswith(MACHINE_PATHS)


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of ours, whatever was asked for."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return "/"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or "\\" in text or parts.path.startswith(("/login", "/logout", "/_")):
        return "/"
    return text
