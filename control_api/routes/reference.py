"""The reference page: open to everyone, as the document is, and closed in itself."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from control_api.reference.page import render_page

router = APIRouter(prefix="/api/v1", include_in_schema=False)

_STYLE = "/api/v1/reference.css"
_DOCUMENT = "/api/v1/openapi.json"
#: Nothing but the page's own style: no script, no frame, no other address.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@router.get("/reference")
async def page(request: Request) -> Response:
    """Show the reference."""
    api = request.app
    if not hasattr(api.state, "reference"):
        api.state.reference = render_page(api.openapi(), stylesheet=_STYLE, raw=_DOCUMENT)
    return HTMLResponse(api.state.reference, headers=_HEADERS)


@router.get("/reference.css")
async def style() -> Response:
    """Answer the style of the reference."""
    return Response(_style(), media_type="text/css", headers=_HEADERS)


@cache
def _style() -> bytes:
    return files("control_api.reference").joinpath("style.css").read_bytes()
