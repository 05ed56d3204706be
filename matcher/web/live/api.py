"""The HTTP interface to the streams: what they show, and what people want of it. All of it needs the token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from matcher.web.live.hub import Hub
from matcher.web.token import writer

Key = Annotated[str, Query(max_length=300, description="A card's id, or a product's id in the catalogue.")]
Kind = Literal["product", "brand", "type"]
router = APIRouter(prefix="/api", dependencies=[Depends(writer)], tags=["streams"])


class Switch(BaseModel):
    """Something that is on or off."""

    on: bool


async def hub_of(request: Request) -> Hub:
    """Dependency: the streams of this server."""
    return request.app.state.hub


AnyHub = Annotated[Hub, Depends(hub_of)]


@router.get("/streams")
async def streams(hub: AnyHub) -> list[dict[str, Any]]:
    """Every stream: how its source does, its figures, and what is on screen."""
    return [{**figures, **hub.board(figures["name"]).snapshot()} for figures in hub.sources()]


@router.get("/streams/{name}")
async def stream(name: str, hub: AnyHub) -> dict[str, Any]:
    """One stream."""
    board = hub.board(name)
    return {**next(one for one in hub.sources() if one["name"] == name), **board.snapshot()}


@router.put("/streams/{name}/pause")
async def pause(name: str, paused: Switch, hub: AnyHub) -> dict[str, Any]:
    """Show nothing of a stream, or go on."""
    hub.pause(name, paused.on)
    return hub.board(name).snapshot()


@router.put("/streams/{name}/pin")
async def pin(name: str, product: Key, pinned: Switch, hub: AnyHub) -> dict[str, Any]:
    """Keep a product's card whatever is seen, or let it go."""
    hub.board(name).pin(product, pinned.on)
    return hub.board(name).snapshot()


@router.put("/streams/{name}/hide")
async def hide(name: str, product: Key, hidden: Switch, hub: AnyHub) -> dict[str, Any]:
    """Show a product no more in this stream, or again."""
    hub.board(name).hide(product, hidden.on)
    return hub.board(name).snapshot()


@router.put("/streams/{name}/block")
async def block_seen(name: str, product: Key, hub: AnyHub) -> dict[str, Any]:
    """Block a product that was seen, in all streams and for good."""
    hub.block("product", hub.board(name).product(product).id, True)
    return hub.board(name).snapshot()


@router.get("/blocked")
async def blocked(hub: AnyHub) -> dict[str, list[str]]:
    """What no stream shows: products, brands and types."""
    return hub.blocklist.listed()


@router.put("/blocked/{kind}")
async def block(kind: Kind, name: Key, on: Switch, hub: AnyHub) -> dict[str, list[str]]:
    """Block a product, a brand or a type, or undo it."""
    hub.block(kind, name, on.on)
    return hub.blocklist.listed()
