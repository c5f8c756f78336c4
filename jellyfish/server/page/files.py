"""The files of the page, as they lie in `static/`, from memory: no file is opened for a request."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from aiohttp import hdrs, web

from jellyfish.server.access import RouteKind
from jellyfish.server.guarding import Handler, guarded

FOLDER = Path(__file__).parent / "static"
PAGES = {"/": "fleet.html", "/camera": "camera.html"}
"""What has an address of its own; all else is below `/page/`."""
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing of others', nothing within the HTML: what a camera calls itself can be no script."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), screen-wake-lock=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-cache",
}
"""`no-cache`: kept, but asked for anew, so that a page is never older than its server."""


def add_files(app: web.Application) -> None:
    """A route for each file."""
    own = {name: path for path, name in PAGES.items()}
    for file in sorted(FOLDER.iterdir()):
        app.router.add_get(own.get(file.name, f"/page/{file.name}"), guarded(RouteKind.PAGE, _showing(file)))


def _showing(file: Path) -> Handler:
    body, kind = file.read_bytes(), KINDS[file.suffix]
    headers = {**HEADERS, hdrs.ETAG: f'"{sha256(body).hexdigest()[:32]}"'}

    async def shown(request: web.Request) -> web.Response:
        """The file, unless whoever asks has it."""
        if headers[hdrs.ETAG] in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return shown
