"""Answers made anew are compressed on the way out; files come compressed already (routes.files)."""

import brotli
from flask import Flask, Response, request

SMALLEST = 1_500
LARGEST = 4_000_000
KINDS = frozenset({"text/html", "application/json", "text/plain"})
QUALITY = 4


def register(server: Flask) -> None:
    server.after_request(compress)


def compress(response: Response) -> Response:
    """Brotli at a level that costs less than sending the bytes; streams and small answers stay as they are."""
    if response.direct_passthrough or response.is_streamed or response.mimetype not in KINDS:
        return response
    response.vary.add("Accept-Encoding")
    if "Content-Encoding" in response.headers or request.accept_encodings.quality("br") <= 0:
        return response
    body = response.get_data()
    if SMALLEST <= len(body) <= LARGEST:
        response.set_data(brotli.compress(body, quality=QUALITY))
        response.headers["Content-Encoding"] = "br"
    return response
