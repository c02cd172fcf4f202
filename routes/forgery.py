"""Requests that change something must come from our own pages: origin, content type and token.

Dash sends the token by itself: it reads the cookie and puts it in a header. Forms carry it in a field.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms.validators import ValidationError

from routes.callback_body import CALLBACK_PATH
from routes.sessions import cookie_name, recognized
from services.errors import AppError, BadInput, NotAllowed
from services.settings import Settings

TOKEN_COOKIE = "csrf"  # noqa: S105  # the name of a cookie
TOKEN_HEADER = "X-CSRFToken"  # noqa: S105  # the name of a header
TOKEN_FIELD = "csrf_token"  # noqa: S105  # the name of a form field
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM = "application/x-www-form-urlencoded"
FOREIGN = "This request did not come from our own page and was refused."
STALE = "This page was open for too long. Please reload it and try again."


class WrongContentType(AppError):
    """A callback is JSON; anything a plain form could send is not."""

    status = 415


def register(server: Flask, settings: Settings) -> None:
    # As long as the session: its end is the end of the token as well.
    server.config.update(WTF_CSRF_TIME_LIMIT=None)
    name = cookie_name(TOKEN_COOKIE, settings)

    def hand_out_token(response: Response) -> Response:
        """Pages get the token in a cookie that scripts can read; that is how Dash wants it."""
        if response.mimetype == "text/html" and recognized():
            response.set_cookie(name, generate_csrf(), secure=settings.https, httponly=False, samesite="Lax", path="/")
        return response

    server.before_request(refuse_forgeries)
    server.after_request(hand_out_token)


def refuse_forgeries() -> None:
    """Raises NotAllowed, WrongContentType or BadInput for a request that is not from our own pages."""
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise NotAllowed(FOREIGN)
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise NotAllowed(FOREIGN)
    if request.path == CALLBACK_PATH and request.mimetype != "application/json":
        raise WrongContentType("Callbacks are sent as JSON.")
    token = request.headers.get(TOKEN_HEADER)
    # Only small forms are read for their token: an upload's body must stay unread until its route streams it.
    if token is None and request.mimetype == FORM:
        token = request.form.get(TOKEN_FIELD)
    try:
        validate_csrf(token)
    except ValidationError as error:
        raise BadInput(STALE) from error
