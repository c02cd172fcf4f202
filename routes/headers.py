"""What every answer tells the browser about trust (docs/security.md, Headers)."""

from flask import Flask, Response, current_app, request

from services.settings import Settings

COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OF_PAGES = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
ONE_YEAR = 31_536_000
# What is no page has nothing to allow; said even there, in case somebody opens it as one.
NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'"


def register(server: Flask, settings: Settings) -> None:
    def add_headers(response: Response) -> Response:
        is_page = response.mimetype == "text/html"
        for name, value in (COMMON | OF_PAGES if is_page else COMMON).items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = (
            content_security_policy(script_hashes()) if is_page else NOTHING_RUNS
        )
        if settings.https:
            response.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"
        if "Cache-Control" not in response.headers and request.endpoint != "_dash_assets.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    server.after_request(add_headers)


def script_hashes() -> list[str]:
    """The hashes of the inline scripts Dash puts into its page: the renderer's start, and page titles."""
    dash_app = current_app.extensions.get("dash")
    return list(dash_app.csp_hashes()) if dash_app else []


def content_security_policy(hashes: list[str]) -> str:
    """Scripts from here only; styles may be inline because React, the grid and the plots set them so."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
