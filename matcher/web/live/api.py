"""The HTTP interface to the streams: what they show, and what people want of it. All of it needs the token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from matcher.web.live.hub import Hub
from matcher.web.token import writer

Key = Annotated[str, Query(max_length=300, description="A card's id, or a product's id in the catalogue.")]
Kind = Literal["product", "brand", "type"]
router = APIRouter(prefix="/api", dependencies=[Depends(writer)], tags=["streams"])


class NewStream(BaseModel):
    """A stream to be started."""

    source: str = Field(max_length=2000, description="An address; a path or a camera where the server allows these.")
    name: str = Field("", max_length=40, description="For addresses: small letters, digits, dots and dashes.")
    catalog: str = Field("", max_length=500, description="One of /api/catalogs; empty = that of the command.")
    loop: bool = Field(False, description="Play a recording again and again.")


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


@router.post("/streams", status_code=201)
async def add(wanted: NewStream, hub: AnyHub) -> dict[str, Any]:
    """Start one more stream."""
    name = await run_in_threadpool(hub.running.add, wanted.source, wanted.name, wanted.catalog, wanted.loop)
    return hub.board(name).snapshot()


@router.get("/streams/{name}")
async def stream(name: str, hub: AnyHub) -> dict[str, Any]:
    """One stream."""
    board = hub.board(name)
    return {**next(one for one in hub.sources() if one["name"] == name), **board.snapshot()}


@router.delete("/streams/{name}")
async def remove(name: str, hub: AnyHub) -> list[str]:
    """End a stream and forget it; the names of those that stay. The last one cannot be removed."""
    await run_in_threadpool(hub.remove, hub.board(name).name)
    return list(hub.boards)


@router.post("/streams/{name}/restart")
async def restart(name: str, hub: AnyHub) -> dict[str, Any]:
    """End a stream and start it anew, also one that has ended or failed; what is pinned or hidden stays so."""
    await run_in_threadpool(hub.running.restart, hub.board(name).name)
    return hub.board(name).snapshot()


@router.get("/catalogs")
async def catalogs(hub: AnyHub) -> list[str]:
    """The catalogues that a new stream may name."""
    return hub.running.catalogs()


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
