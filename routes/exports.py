"""Files to take away: candidates and usage as CSV, streamed while they are read."""

import unicodedata
from collections.abc import Iterator
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Flask, Response, request
from flask_login import current_user

from services.domain.actors import Actor
from services.domain.candidate_view import View, read_view
from services.domain.usage_question import parse_question
from services.errors import BadInput
from services.exports import ExportOrder
from services.wiring import current

blueprint = Blueprint("exports", __name__, url_prefix="/exports")
LARGEST_ID = 2**63 - 1


def register(server: Flask) -> None:
    server.register_blueprint(blueprint)


@blueprint.route("/candidates.csv", methods=["GET", "POST"])
def candidates() -> Response:
    """A list, a position's results, a view, or chosen people; a choice too long for an address comes as a form."""
    export = current().exports.candidates(actor(), parse_order())
    response = csv_response(export.name, export.pieces)
    response.call_on_close(export.close)
    return response


@blueprint.get("/usage.csv")
def usage() -> Response:
    """The table of the usage page with the same query, all of its pages."""
    services, who = current(), actor()
    question = parse_question(request.args, services.usage.today(who))
    services.exports.note_usage(who, services.usage.report(who, question).totals.groups)
    return csv_response(f"Usage {question.first_day} to {question.last_day}", services.usage.csv(who, question))


def actor() -> Actor:
    found: Actor = current_user.actor
    return found


def csv_response(name: str, pieces: Iterator[str]) -> Response:
    """A download that is sent as it is made; should it break off, the browser says so instead of keeping half."""
    response = Response((piece.encode() for piece in pieces), mimetype="text/csv")
    response.headers["Content-Disposition"] = attachment(f"{name}.csv")
    return response


def attachment(name: str) -> str:
    """The header that names a download: plain letters for old programs, the real name beside it (RFC 5987)."""
    name = "".join(" " if character in '/\\:"*?<>|' or not character.isprintable() else character for character in name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip() or "export.csv"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def parse_order() -> ExportOrder:
    """The order that the address or the form gives. Raises BadInput that names what cannot be read."""
    asked = request.values
    return ExportOrder(
        list_id=parse_id(asked.get("list", "")),
        position_id=parse_id(asked.get("position", "")),
        standings=tuple(dict.fromkeys(asked.getlist("standing"))),
        candidate_ids=parse_ids(asked.get("ids", "")),
        view=parse_view(asked["view"]) if "view" in asked else None,
    )


def parse_id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise BadInput("This link names a list or position in a way we cannot read.") from None


def parse_ids(text: str) -> tuple[int, ...]:
    found = [part for part in text.split(",") if part]
    if not all(part.isascii() and part.isdigit() and len(part) < 20 and int(part) <= LARGEST_ID for part in found):
        raise BadInput("This link names people in a way we cannot read.")
    return tuple(int(part) for part in found)


def parse_view(query: str) -> View:
    """The view of a query string. What the page leaves out with a notice is refused: the file would hold too many."""
    read = read_view(query)
    if read.notices:
        raise BadInput(f"Nothing was exported. {read.notices[0]}", "view")
    return read.view
