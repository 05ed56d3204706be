"""What anybody who reaches the server may see: the overlay with its pictures, the chat's text, health and metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from matcher.errors import InputError
from matcher.types import Product
from matcher.video.health import OVER, State
from matcher.web.live.api import AnyHub
from matcher.web.live.board import Board
from matcher.web.live.chat import LONGEST, fit_text
from matcher.web.live.feed import feed
from matcher.web.live.metrics import TYPE, exposition
from matcher.web.live.qr import qr_svg
from matcher.web.pictures import etag
from matcher.web.token import allowed

_PHOTO_PX = 320
_BAD = (State.LOST, *OVER)
router = APIRouter()


async def board_of(hub: AnyHub, name: str = "") -> Board:
    """Dependency: the board of the stream in the address; 404 where there is none."""
    try:
        return hub.board(name)
    except InputError as error:
        raise HTTPException(404, str(error)) from error


AnyBoard = Annotated[Board, Depends(board_of)]


@router.get("/live/photo/{name}/{key}.jpg", include_in_schema=False)
async def photo(request: Request, key: str, board: AnyBoard) -> Response:
    """The shop's photo of a product that was seen, else the worn garment."""
    product = _seen(board, key)
    data = await run_in_threadpool(request.app.state.pictures.jpeg, product, _PHOTO_PX) or board.worn.of(product.id)
    if not data:
        raise HTTPException(404, "there is no picture of this product")
    mark = etag(data)
    headers = {"ETag": mark, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/live/qr/{name}/{key}.svg", include_in_schema=False)
async def qr(key: str, board: AnyBoard) -> Response:
    """The QR code of a card's link; of nothing else, since anybody may ask."""
    link = board.links.link(_seen(board, key))
    data = qr_svg(link) if link else b""
    if not data:
        raise HTTPException(404, "this product has no link that fits into a QR code")
    return Response(data, media_type="image/svg+xml")


@router.websocket("/live/feed/{name}")
async def overlay_feed(socket: WebSocket, name: str, epoch: str = "", version: int = 0, seq: int = 0) -> None:
    """Cards and boxes as they happen; see `matcher.web.live.message`. A page that comes back says what it knows."""
    try:
        board = socket.app.state.hub.board(name)
    except InputError:
        await socket.close(1008, "there is no stream of that name")
        return
    await feed(socket, board, epoch[:16], version, seq)


@router.get("/chat", response_class=PlainTextResponse)
@router.get("/chat/{name}", response_class=PlainTextResponse)
async def chat(board: AnyBoard, longest: int = LONGEST) -> PlainTextResponse:
    """What is worn now on one line, for bots that fetch an address."""
    return PlainTextResponse(fit_text(board, min(max(longest, 20), LONGEST)))


@router.get("/health")
async def health(hub: AnyHub, may: Annotated[bool, Depends(allowed)]) -> Response:
    """200 while every source is there or is being tried, 503 where one is lost, has ended or failed.

    With the token it also says why: such words may name addresses and files.
    """
    states = {name: (board.state, board.reason if may else "") for name, board in hub.boards.items()}
    good = not any(state in _BAD for state, _ in states.values())
    words = "".join(f"{name} {state}{f': {why}' if why else ''}\n" for name, (state, why) in states.items())
    return PlainTextResponse(("ok\n" if good else "not ok\n") + words, 200 if good else 503)


@router.get("/metrics")
async def metrics(hub: AnyHub) -> Response:
    """Figures for Prometheus."""
    return Response(exposition(hub), media_type=TYPE)


def _seen(board: Board, key: str) -> Product:
    found = board.seen(key)
    if found is None:
        raise HTTPException(404, "no such product was seen lately")
    return found
