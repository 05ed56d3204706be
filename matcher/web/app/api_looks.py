"""The API's part about pictures: look at one, its garments, more like them, feedback, cut-outs, the web."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlsplit

import cv2
import numpy as np
from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from numpy.typing import NDArray
from starlette.responses import Response

from matcher.fetch.fetcher import FetchError
from matcher.sinks.cutouts import box_crop, cut_out, write_cutouts
from matcher.types import TIERS
from matcher.web.app import schemas
from matcher.web.app.finder import Look
from matcher.web.app.narrowing import Narrowing
from matcher.web.app.reviews import Match
from matcher.web.app.state import Shared, State
from matcher.web.app.views import candidates, look_out, matches_out
from matcher.web.token import writer

router = APIRouter(prefix="/api", tags=["pictures"], responses={400: {"model": schemas.Problem}})
PICTURE_PATH = "/api/looks"
MOST_BYTES = 25 << 20
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY = {"requestBody": {"required": True, "content": _FILE}}
_GONE = {404: {"model": schemas.Problem}}
_BUSY = {429: {"model": schemas.Problem}, 503: {"model": schemas.Problem}}
_WRITES = {"dependencies": [Depends(writer)], "responses": {401: {"model": schemas.Problem}, **_GONE}}
_JPEG = {200: {"content": {"image/jpeg": {}}}, **_GONE}
_PNG = {200: {"content": {"image/png": {}}}, **_GONE}
LookId = Annotated[str, Path(max_length=40, pattern="^[A-Za-z0-9_-]+$")]
Number = Annotated[int, Path(ge=0, le=1000)]


@router.post("/looks", openapi_extra=_BODY, responses={**_BUSY, 413: {"model": schemas.Problem}})
async def look_at_picture(request: Request, state: Shared) -> schemas.LookOut:
    """Find the garments of a picture and their products. The body is the picture itself: JPEG, PNG, WebP..."""
    state.rate.check(request)
    look = await run_in_threadpool(state.finder.find, await request.body())
    return look_out(look, state.history)


@router.post("/looks/from-address", responses=_BUSY)
def look_at_address(request: Request, address: Annotated[schemas.UrlIn, Body()], state: Shared) -> schemas.LookOut:
    """The same for a picture of the web. It is fetched from here; addresses that are not public are refused."""
    state.rate.check(request)
    if urlsplit_scheme(address.url) not in ("http", "https"):
        raise HTTPException(400, "the address of a picture starts with http:// or https://")
    try:
        data = state.fetcher.fetch(address.url).data
    except FetchError as reason:
        raise HTTPException(400, f"the picture cannot be fetched: {reason}") from reason
    return look_out(state.finder.find(data), state.history)


def urlsplit_scheme(url: str) -> str:
    """The scheme of an address in lower case; "" where it is none."""
    try:
        return urlsplit(url.strip()).scheme.lower()
    except ValueError:
        return ""


@router.get("/looks/{look_id}", responses=_GONE)
def known_look(look_id: LookId, state: Shared) -> schemas.LookOut:
    """A picture that was looked at a short while ago."""
    return look_out(state.finder.again(look_id), state.history)


@router.get("/looks/{look_id}/picture", responses=_JPEG, response_class=Response)
def look_picture(look_id: LookId, state: Shared) -> Response:
    """The picture, encoded anew."""
    return _jpeg(state.finder.again(look_id).image, 90)


@router.get("/looks/{look_id}/garments/{number}/crop", responses=_JPEG, response_class=Response)
def garment_crop(look_id: LookId, number: Number, state: Shared) -> Response:
    """The picture under a garment's box."""
    look = _with(state, look_id, number)
    return _jpeg(box_crop(look.image, look.garments[number]), 90)


@router.get("/looks/{look_id}/garments/{number}/cutout", responses=_PNG, response_class=Response)
def garment_cutout(look_id: LookId, number: Number, state: Shared) -> Response:
    """A garment alone, on transparent ground."""
    look = _with(state, look_id, number)
    pixels = cut_out(look.image, look.garments[number], look.details[number].square)
    return Response(cv2.imencode(".png", pixels)[1].tobytes(), media_type="image/png")


@router.get("/looks/{look_id}/garments/{number}/similar", responses=_GONE)
def similar_to_garment(
    look_id: LookId,
    number: Number,
    state: Shared,
    filters: Narrowing,
    count: Annotated[int, Query(ge=1, le=60)] = 12,
) -> schemas.SimilarOut:
    """More products like a garment, of all or of those that the conditions allow."""
    look = _with(state, look_id, number)
    return schemas.SimilarOut(matches=matches_out(state.finder.similar(look, number, count, filters), state.history))


@router.post("/looks/{look_id}/garments/{number}/feedback", **_WRITES)
def feedback(
    look_id: LookId, number: Number, said: Annotated[schemas.FeedbackIn, Body()], state: Shared
) -> schemas.ReviewRef:
    """Say whether a product is what is worn. It is kept for training."""
    look = _with(state, look_id, number)
    one = look.garments[number]
    score = next((score for product, score in candidates(one) if product.id == said.product_id), None)
    if score is None and (state.finder.pipeline.catalog is None or _unknown(state, said.product_id)):
        raise HTTPException(404, "the catalogue has no such product")
    match = Match(f"picture {look.id[:8]}", one.type_name, said.product_id, score or 0.0, TIERS[int(one.tier[0])])
    number_ = state.reviews.add(match, look.image, one.xyxy[0])
    state.reviews.judge(number_, said.verdict)
    return schemas.ReviewRef(id=number_)


@router.post("/looks/{look_id}/save", **_WRITES)
def save_cutouts(look_id: LookId, state: Shared) -> schemas.SavedOut:
    """Write the cut-outs of a picture, with labels, into the server's folder for them."""
    look = state.finder.again(look_id)
    folder = state.crops / look.id
    return schemas.SavedOut(folder=str(folder), files=write_cutouts(folder, look.image, look.garments))


@router.post(
    "/looks/{look_id}/garments/{number}/web",
    dependencies=[Depends(writer)],
    responses={401: {"model": schemas.Problem}, **_GONE, **_BUSY},
)
def search_web(request: Request, look_id: LookId, number: Number, state: Shared) -> schemas.WebSearchOut:
    """Search the web for a garment, with the provider that the server was started with."""
    state.rate.check(request)
    if state.provider is None:
        raise HTTPException(404, "no web search is set up; start the server with --web-search")
    look = _with(state, look_id, number)
    words = look.details[number].words
    found = state.provider.search(words, _jpeg(box_crop(look.image, look.garments[number]), 85).body)
    results = [schemas.WebResultOut(**asdict(one)) for one in found]
    return schemas.WebSearchOut(provider=state.provider.name, keywords=words, results=results)


def _with(state: State, look_id: str, number: int) -> Look:
    """A picture that has a garment of that number.

    Raises:
        HTTPException: 404, it has none.
    """
    look = state.finder.again(look_id)
    if number >= len(look.garments):
        raise HTTPException(404, "this picture has no such garment")
    return look


def _unknown(state: State, product_id: str) -> bool:
    return state.finder.pipeline.catalog.row_of(product_id) is None


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> Response:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})
