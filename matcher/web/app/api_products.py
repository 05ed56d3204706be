"""The API's part about products: pictures, products like one, and search by words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from matcher.types import Product
from matcher.web.app import schemas
from matcher.web.app.narrowing import Narrowing
from matcher.web.app.state import Shared, State
from matcher.web.app.views import matches_out, product_out
from matcher.web.pictures import SIDES, etag

router = APIRouter(prefix="/api/products", tags=["products"])
_GONE = {404: {"model": schemas.Problem}}
ProductId = Annotated[str, Query(min_length=1, max_length=500)]


@router.get("/picture", responses={200: {"content": {"image/jpeg": {}}}, 304: {}, **_GONE}, response_class=Response)
def product_picture(
    request: Request,
    state: Shared,
    id: ProductId,
    side: Annotated[int, Query(json_schema_extra={"enum": list(SIDES)})] = 320,
) -> Response:
    """A small picture of a product, drawn anew."""
    if side not in SIDES:
        raise HTTPException(422, f"side is one of {', '.join(map(str, SIDES))}")
    data = state.pictures.jpeg(product_of(state, id), side)
    if data is None:
        raise HTTPException(404, "this product's picture cannot be had")
    headers = {"ETag": etag(data), "Cache-Control": "private, max-age=3600"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/one", responses=_GONE)
def product(state: Shared, id: ProductId) -> schemas.ProductOut:
    """A product by its id."""
    return product_out(product_of(state, id))


@router.get("/like", responses=_GONE)
def products_like(
    state: Shared, id: ProductId, filters: Narrowing, count: Annotated[int, Query(ge=1, le=60)] = 12
) -> schemas.SimilarOut:
    """Products that look like one of the catalogue, of all or of those that the conditions allow."""
    return schemas.SimilarOut(matches=matches_out(state.finder.like(id, count, filters), state.history))


@router.get("/filters")
def products_filters(state: Shared) -> schemas.FiltersOut:
    """What similar products can be narrowed down by: the shop's brands, prices and availability."""
    catalog = state.finder.pipeline.catalog
    if catalog is None:
        return schemas.FiltersOut(brands=[], currencies=[], price_min=None, price_max=None, in_stock=0)
    return schemas.FiltersOut(**asdict(catalog.snapshot().table.facets()))


@router.get("/search")
def products_with_words(
    state: Shared,
    words: Annotated[str, Query(min_length=1, max_length=200)],
    type: Annotated[str | None, Query(max_length=20)] = None,
    count: Annotated[int, Query(ge=1, le=60)] = 20,
) -> list[schemas.ProductOut]:
    """Products whose title, brand or id has all of these words."""
    catalog = state.finder.pipeline.catalog
    found = catalog.snapshot().table.with_words(words, type, count) if catalog is not None else []
    return [product_out(one) for one in found]


def product_of(state: State, product_id: str) -> Product:
    """A product of the catalogue.

    Raises:
        HTTPException: 404, there is none of that id.
    """
    catalog = state.finder.pipeline.catalog
    generation = catalog.snapshot() if catalog is not None else None
    row = generation.table.row_of(product_id) if generation is not None else None
    if row is None:
        raise HTTPException(404, "the catalogue has no such product")
    return generation.product(row)
