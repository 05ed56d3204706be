"""The pages: the overlay for OBS, its settings with a preview, and the dashboard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from matcher.errors import InputError
from matcher.web.live.api import AnyHub
from matcher.web.policy import Policy
from matcher.web.token import allowed

# OBS puts its "Custom CSS" into the page as an inline style, the way in which streamers make an overlay theirs. What
# such styles could load is ours alone, and no text of a shop becomes markup, so that they let nothing in.
_OWN = Policy(images=("'self'",), framed=True).header
OVERLAY_POLICY = _OWN.replace("style-src 'self'", "style-src 'unsafe-inline' 'self'")
SETTINGS_POLICY = Policy(images=("'self'",)).header + "; frame-src 'self'"
router = APIRouter(include_in_schema=False)


@router.get("/overlay")
async def overlay(request: Request, hub: AnyHub, stream: str = "", demo: bool = False) -> Response:
    """The page for OBS's Browser Source; everything else in its address is read by its script."""
    try:
        name = "" if demo else hub.board(stream).name
    except InputError as error:
        raise HTTPException(404, str(error)) from error
    page = request.app.state.pages.render("overlay.html", stream=name)
    page.headers["Content-Security-Policy"] = OVERLAY_POLICY
    return page


@router.get("/overlay/settings")
async def settings(request: Request, hub: AnyHub) -> Response:
    """Makes the address for OBS, with a preview."""
    page = request.app.state.pages.render("overlay_settings.html", streams=list(hub.boards))
    page.headers["Content-Security-Policy"] = SETTINGS_POLICY
    return page


@router.get("/")
async def dashboard(request: Request, may: Annotated[bool, Depends(allowed)]) -> Response:
    """What is on screen, how the sources do, and what to do about it."""
    if not may:
        return request.app.state.pages.render("dashboard_closed.html", 401)
    return request.app.state.pages.render("dashboard.html")
