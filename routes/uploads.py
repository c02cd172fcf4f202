"""Uploads: a file's bytes go straight to a private file; and the rows of it that were rejected, to take away."""

from typing import BinaryIO, cast
from urllib.parse import unquote
from uuid import UUID

from flask import Blueprint, Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from routes.exports import csv_response
from services.domain.actors import Actor
from services.wiring import current

blueprint = Blueprint("uploads", __name__, url_prefix="/uploads")
FILE_NAME = "X-File-Name"


def register(server: Flask) -> None:
    server.register_blueprint(blueprint)


@blueprint.post("/")
def receive() -> ResponseReturnValue:
    """The body is the file, its name stands percent-encoded in a header; the answer names the import."""
    body = cast(BinaryIO, request.stream)
    import_id = current().imports.receive(
        actor(), unquote(request.headers.get(FILE_NAME, "")), body, request.content_length
    )
    return jsonify(import_id=str(import_id)), 201


@blueprint.get("/<uuid:import_id>/rejected.csv")
def rejected(import_id: UUID) -> Response:
    imports, who = current().imports, actor()
    name = imports.find(who, import_id).file_name
    return csv_response(f"Rejected rows of {name}", imports.rejects_csv(who, import_id))


def actor() -> Actor:
    found: Actor = current_user.actor
    return found
