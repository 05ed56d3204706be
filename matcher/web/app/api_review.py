"""The API's part about judging matches, and about history. All of it needs the token."""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query
from starlette.responses import FileResponse, Response

from matcher.types import Product
from matcher.web.app import schemas
from matcher.web.app.api_products import product_of
from matcher.web.app.state import Shared, State
from matcher.web.app.views import matches_out, product_out
from matcher.web.token import writer

_PROBLEM = {"model": schemas.Problem}
_NEEDS_TOKEN: dict[str, Any] = {
    "dependencies": [Depends(writer)],
    "responses": {400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
}
router = APIRouter(prefix="/api", tags=["review"], **_NEEDS_TOKEN)
_OTHERS = 8
ReviewId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


@router.get("/reviews")
def reviews(state: Shared, count: Annotated[int, Query(ge=1, le=50)] = 10) -> schemas.ReviewsOut:
    """Matches that wait for a judgement: first what was shown, the least sure of it."""
    rows = state.reviews.open(count)
    return schemas.ReviewsOut(reviews=[_review_out(state, row) for row in rows], counts=state.reviews.counts())


@router.get("/reviews/{review}/picture", responses={200: {"content": {"image/jpeg": {}}}}, response_class=Response)
def review_picture(review: ReviewId, state: Shared) -> Response:
    """What was seen, with a little around it."""
    path = state.reviews.picture(_row(state, review))
    if not path.is_file():
        raise HTTPException(404, "its picture is gone")
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.put("/reviews/{review}")
def judge(review: ReviewId, said: Annotated[schemas.VerdictIn, Body()], state: Shared) -> schemas.ReviewOut:
    """Confirm, reject or correct a match, or take the judgement back."""
    if said.product_id:
        product_of(state, said.product_id)
    if not state.reviews.judge(review, said.verdict, said.product_id):
        raise HTTPException(404, "there is no such match, or it shows no product to confirm")
    return _review_out(state, _row(state, review))


@router.post("/reviews/export")
def export(state: Shared) -> schemas.ExportOut:
    """Write the pairs that are known to be true to a file, for training and evaluation."""
    file, pairs = state.reviews.export()
    return schemas.ExportOut(file=str(file), pairs=pairs)


@router.get("/history", tags=["history"])
def history(state: Shared) -> schemas.HistoryOut:
    """Whether history is kept, and how much there is."""
    return schemas.HistoryOut(on=state.history.on, events=state.history.count())


@router.put("/history", tags=["history"])
def switch_history(wanted: Annotated[schemas.HistoryIn, Body()], state: Shared) -> schemas.HistoryOut:
    """Switch history on or off."""
    state.history.switch(wanted.on)
    return history(state)


@router.delete("/history", tags=["history"])
def delete_history(state: Shared) -> schemas.HistoryOut:
    """Forget all of it."""
    state.history.delete()
    return history(state)


@router.post("/history", tags=["history"], status_code=204)
def note(event: Annotated[schemas.EventIn, Body()], state: Shared) -> Response:
    """Note that a product was looked at; where history is off, nothing happens."""
    state.history.add(event.kind, product_of(state, event.product_id))
    return Response(status_code=204)


def _review_out(state: State, row: dict[str, Any]) -> schemas.ReviewOut:
    shown = {name: row[name] for name in ("id", "source", "type", "score", "tier", "verdict")}
    try:
        product: Product | None = product_of(state, row["product"]) if row["product"] else None
    except HTTPException:
        product = None  # the shop has taken it out
    box = tuple(row[name] for name in ("x0", "y0", "x1", "y1"))
    return schemas.ReviewOut(
        **shown,
        box=box,
        picture=f"/api/reviews/{row['id']}/picture",
        product=product_out(product) if product is not None else None,
        others=matches_out(_others(state, row, box), state.history),
    )


def _row(state: State, review: str) -> dict[str, Any]:
    row = state.reviews.find(review)
    if row is None:
        raise HTTPException(404, "there is no such match")
    return row


def _others(state: State, row: dict[str, Any], box: tuple[float, ...]) -> list[tuple[Product, float]]:
    """What else a garment may be, by a search with its picture."""
    path = state.reviews.picture(row)
    image = cv2.imread(str(path)) if path.is_file() else None
    if image is None or state.finder.pipeline.catalog is None:
        return []
    found = state.finder.in_box(image, np.array([box], np.float32), row["type"], _OTHERS)
    return [pair for pair in found if pair[0].id != row["product"]]
