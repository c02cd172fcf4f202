"""Scripts and styles: compressed once, kept by the browser, sent without troubling Flask.

Where an address carries a fingerprint, what is behind it never changes and is kept for a year. The parts
that Dash's scripts fetch by themselves carry none; those are kept and asked about each time. All are
public: they hold the product's code and nothing of anybody's data.
"""

import gzip
import hashlib
import mimetypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import brotli
from dash import Dash
from dash.fingerprint import check_fingerprint
from flask import Flask, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from werkzeug.wsgi import FileWrapper

from services.errors import NotFound

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SUITES: Final = "/_dash-component-suites/"
ASSETS: Final = "/assets/"
# The grid comes in two halves that need each other; as one file they compress better. The second half
# goes first: the main one finds it there and does not fetch it again.
WHOLE_GRID: Final = "whole-grid.js"
GRID_HALVES: Final = ("async-community.js", "dash_ag_grid.min.js")
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_FIRST: Final = "public, no-cache"
COMPRESSIBLE: Final = frozenset({".js", ".css", ".svg", ".json", ".txt"})
# The slowest levels pay off: done once, sent for ever. The plot library alone would take half a minute.
LARGE_BYTES: Final = 3_000_000
BROTLI_QUALITY: Final = 11
BROTLI_QUALITY_LARGE: Final = 7


@dataclass(frozen=True)
class Variant:
    """One file as it is sent: where it lies, its length, and how it is encoded."""

    path: Path
    length: int
    encoding: str | None
    tag: str


@dataclass
class CompressedFiles:
    """Answers requests for files; everything else goes on to the application."""

    inner: "WSGIApplication"
    dash_app: Dash
    folder: Path
    found: dict[tuple[Path, ...], Mapping[str, Variant]] = field(default_factory=dict)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or not path.startswith((SUITES, ASSETS)):
            return self.inner(environ, start_response)
        variants = self.variants(path)
        if not variants:
            return self.inner(environ, start_response)
        caching = FOR_EVER if self.is_fingerprinted(path, environ) else ASK_FIRST
        return send(choose(variants, environ), path, caching, environ, start_response)

    def is_fingerprinted(self, path: str, environ: "WSGIEnvironment") -> bool:
        if path.startswith(SUITES):
            return check_fingerprint(path)[1]
        return path.startswith(ASSETS) and "m" in parse_qs(environ.get("QUERY_STRING", ""))

    def variants(self, path: str) -> Mapping[str, Variant]:
        """The encodings at hand for an address, made on first use; none if it is no file of ours."""
        sources = self.sources(path)
        if not sources:
            return {}
        # By file, not by address: whoever invents fingerprints must not fill our memory with them.
        if sources not in self.found:
            self.found[sources] = compress_once(sources, self.folder)
        return self.found[sources]

    def sources(self, path: str) -> tuple[Path, ...]:
        """The files behind an address: one in assets, or what Dash registered; none if it is not ours."""
        if path.startswith(ASSETS):
            return asset_at(Path(self.dash_app.config.assets_folder).resolve(), path.removeprefix(ASSETS))
        package, _, rest = path.removeprefix(SUITES).partition("/")
        inside, _ = check_fingerprint(rest)
        names = GRID_HALVES if inside == WHOLE_GRID else (inside,)
        if not self.dash_app.registered_paths.get(package, set()).issuperset(names):
            return ()
        folder = Path(str(sys.modules[package].__file__)).parent
        files = tuple(folder / name for name in names)
        return files if all(file.is_file() for file in files) else ()

    def warm_up(self, html: str) -> None:
        """Compress what a page names, before a person waits for it."""
        for chunk in html.split('"'):
            path = chunk.partition("?")[0]
            if path.startswith((SUITES, ASSETS)):
                self.variants(path)


def register(server: Flask) -> None:
    server.before_request(refuse_unknown_files)


def refuse_unknown_files() -> None:
    """What is left of these addresses for Flask is no file of ours; Dash would answer it with an error of its own."""
    if "fingerprinted_path" in (request.view_args or {}):
        raise NotFound("There is no such file.")


def asset_at(root: Path, name: str) -> tuple[Path, ...]:
    try:
        file = (root / name).resolve()
        return (file,) if file.is_relative_to(root) and file.is_file() else ()
    except (OSError, ValueError):
        # A name that no file can have: too long, or with a NUL in it.
        return ()


def compress_once(sources: tuple[Path, ...], folder: Path) -> Mapping[str, Variant]:
    """The plain file and its compressed copies, which are kept by content for all workers and starts."""
    body = b"\n".join(source.read_bytes() for source in sources)
    name = hashlib.sha256(body).hexdigest()
    plain = kept(folder / f"{name}.plain", None, lambda: body)
    if sources[0].suffix not in COMPRESSIBLE:
        return {"identity": plain}
    quality = BROTLI_QUALITY if len(body) <= LARGE_BYTES else BROTLI_QUALITY_LARGE
    return {
        "br": kept(folder / f"{name}.br", "br", lambda: brotli.compress(body, quality=quality)),
        "gzip": kept(folder / f"{name}.gz", "gzip", lambda: gzip.compress(body, 9, mtime=0)),
        "identity": plain,
    }


def kept(path: Path, encoding: str | None, make: Callable[[], bytes]) -> Variant:
    """A copy to send, complete before it gets its name, so that two workers may make it at once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        Path(draft).replace(path)
    return Variant(path, path.stat().st_size, encoding, f'"{path.name[:32]}{path.suffix}"')


def choose(variants: Mapping[str, Variant], environ: "WSGIEnvironment") -> Variant:
    accepted = parse_accept_header(environ.get("HTTP_ACCEPT_ENCODING", ""), Accept)
    for encoding in ("br", "gzip"):
        if encoding in variants and accepted.quality(encoding) > 0:
            return variants[encoding]
    return variants["identity"]


def send(
    variant: Variant, path: str, caching: str, environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", mimetypes.guess_type(path)[0] or "application/octet-stream"),
        ("Cache-Control", caching),
        ("Vary", "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if caching == ASK_FIRST:
        headers.append(("ETag", variant.tag))
    if environ.get("HTTP_IF_NONE_MATCH") == variant.tag:
        start_response("304 Not Modified", headers)
        return []
    headers.append(("Content-Length", str(variant.length)))
    if variant.encoding:
        headers.append(("Content-Encoding", variant.encoding))
    start_response("200 OK", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
    chunks: Iterable[bytes] = wrapper(variant.path.open("rb"))
    return chunks
