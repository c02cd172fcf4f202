"""Notices: what finished, and what went wrong, in words a person can act on."""

import secrets
from typing import Literal

import structlog
from dash import ctx, set_props
from flask import abort, make_response

from callbacks.arguments import Malformed
from pages import ids
from services.errors import AppError, Busy, Incident

Tone = Literal["success", "info", "warning", "danger"]

# What a page asks for by itself or by moving about changes nothing and may be asked again.
READING_PROPS = frozenset({"pathname", "search", "hash", "n_intervals", "getRowsRequest"})

log = structlog.get_logger(__name__)


def notify(words: str, tone: Tone = "success", href: str = "") -> None:
    """Show a notice beside whatever the callback returns; with an address it leads there."""
    set_props(ids.NOTICE, {"data": {"words": words, "tone": tone, "href": href, "id": secrets.token_hex(4)}})


def on_error(error: Exception) -> None:
    """What a failed callback says; its outputs stay as they are.

    A known error has words of its own. An unknown one gets a number here and its traceback in the log.
    While the database restarts, what only reads is answered 503, and the page asks again by itself.
    Whoever forged a request gets its status and no notice.
    """
    if isinstance(error, Malformed):
        abort(make_response({"error": error.message}, error.status))
    if isinstance(error, Busy) and only_reads():
        abort(make_response({"error": error.message}, error.status, {"Retry-After": "1"}))
    if isinstance(error, AppError):
        notify(error.message, "warning" if isinstance(error, Busy) else "danger")
        return
    incident = Incident(secrets.token_hex(4))
    log.error("incident", incident=incident.number, callback=callback_name(), exc_info=error)
    notify(incident.message, "danger")


def only_reads() -> bool:
    changed = [trigger["prop_id"].rpartition(".")[2] for trigger in ctx.triggered]
    return all(prop in READING_PROPS for prop in changed)


def callback_name() -> str:
    """The component that was touched, without the values that travelled with it."""
    return ", ".join(trigger["prop_id"] for trigger in ctx.triggered)
