"""The Dash application: one server, its guard, its shell, its pages and its callbacks."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dash import Dash
from dash.development.base_component import Component
from flask import Flask
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from werkzeug.middleware.proxy_fix import ProxyFix

import callbacks
import routes
from callbacks.arguments import as_declared
from callbacks.background import background_manager
from callbacks.notices import on_error
from pages.parts.shell import shell
from routes.files import CompressedFiles
from routes.forgery import TOKEN_COOKIE, TOKEN_HEADER
from routes.sessions import cookie_name
from services.logs import set_up_logging
from services.settings import PROVIDERS, Settings

ROOT = Path(__file__).parent
HEAD_SCRIPTS = ("theme.js", "fetch.js")
GRID = "/dash_ag_grid/"
# Dash puts every library it knows on every page. The grid comes when a page has one (assets/grid.js), the
# old table is never used, and the polyfill is for browsers that could not run the rest either.
HELD_BACK = (GRID, "/dash_table/", "/deps/polyfill@")
SOURCE = re.compile(r'src="([^"]+)"')
PAGE = """<!DOCTYPE html>
<html lang="en" data-bs-theme="{theme}">
<head>
{metas}
<title>{title}</title>
{favicon}
{head_scripts}
{css}
</head>
<body>
{app_entry}
<footer>{config}{scripts}{renderer}</footer>
</body>
</html>"""


class SourcingX(Dash):
    """Dash with our page around it: the theme before the first paint, and no script that a page may not need.

    Its callbacks get what they declare to take, or are not called.
    """

    def callback(self, *dependencies: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        register = super().callback(*dependencies, **options)
        if options.get("background"):
            # Its manager hands on the arguments and reads them itself (callbacks.background).
            return register  # type: ignore[no-any-return]  # Dash ships no types
        return lambda function: register(as_declared(function))

    def interpolate_index(self, **parts: Any) -> str:
        scripts = parts["scripts"].splitlines()
        parts["scripts"] = "\n".join(tag for tag in scripts if not any(name in tag for name in HELD_BACK))
        grid = next((SOURCE.search(tag) for tag in scripts if GRID in tag), None)
        if grid:
            whole = grid[1].replace("/dash_ag_grid.v", "/whole-grid.v").replace(".min.js", ".js")
            parts["metas"] += f'\n<meta name="grid-library" content="{whole}">'
        parts["favicon"] = f'<link rel="icon" type="image/svg+xml" href="{asset("icon.svg")}">'
        parts["head_scripts"] = "\n".join(f'<script src="{asset(name)}"></script>' for name in HEAD_SCRIPTS)
        parts["theme"] = html.escape(chosen_theme())
        return PAGE.format(**parts)


def create_app(settings: Settings) -> Dash:
    """Build the application; nothing is connected until the first request needs it."""
    set_up_logging(settings.log_level)
    server = Flask("sourcingx", static_folder=None, template_folder=str(ROOT / "routes" / "templates"))
    app = SourcingX(
        "app",
        server=server,
        use_pages=True,
        pages_folder=str(ROOT / "pages"),
        assets_folder=str(ROOT / "assets"),
        assets_ignore=rf"^({'|'.join(map(re.escape, HEAD_SCRIPTS))})$",
        title="SourcingX",
        update_title=None,
        include_pages_meta=False,
        # Callbacks belong to pages that are not all in the layout at once; tests/house checks the ids instead.
        suppress_callback_exceptions=True,
        csrf_token_name=cookie_name(TOKEN_COOKIE, settings),
        csrf_header_name=TOKEN_HEADER,
        enable_mcp=False,
        add_log_handler=False,
        on_error=on_error,
        background_callback_manager=background_manager(settings),
    )
    server.extensions["dash"] = app
    server.jinja_env.globals.update(asset=asset, csrf_token=generate_csrf)
    app.layout = lambda: layout(settings)
    callbacks.register(app)
    routes.register(server, settings)
    files = CompressedFiles(server.wsgi_app, app, settings.home_path / "cache" / "files")
    server.extensions["files"] = files
    server.wsgi_app = files  # type: ignore[method-assign]  # Flask's documented place for middleware
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as above
    return app


def layout(settings: Settings) -> Component:
    modes = {name: settings.provider_mode(name) for name in PROVIDERS}
    if not current_user.is_authenticated:
        return shell(None, "", modes, "")
    person = current_user.person
    return shell(person.actor, person.org_name, modes, generate_csrf())


def chosen_theme() -> str:
    """The theme this person chose anywhere; "auto" leaves it to the browser (assets/theme.js)."""
    return (current_user.person.theme or "auto") if current_user.is_authenticated else "auto"


def asset(name: str) -> str:
    """The address of one of our files, with the fingerprint that lets browsers keep it for ever."""
    return f"/assets/{name}?m={(ROOT / 'assets' / name).stat().st_mtime}"


def warm_up(app: Dash) -> None:
    """Do once what Dash would do during its first requests, which several threads may send at once.

    Measured: without this, half of eight parallel first requests to a fresh worker failed.
    """
    # From no address: the door for requests counts what people ask for, not what a worker asks itself.
    app.server.test_client().get("/login", environ_overrides={"REMOTE_ADDR": ""})
    with app.server.test_request_context("/"):
        app.server.extensions["files"].warm_up(app.index())
