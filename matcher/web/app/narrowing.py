"""Which of the similar products somebody wants to see, as parameters of the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import StringConstraints

from matcher.catalog.facets import IN_STOCK
from matcher.catalog.filters import Filters

_Price = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]
_Brand = Annotated[str, StringConstraints(max_length=200)]
_CURRENCY = "What prices must be in, such as EUR, for shops that have several currencies."


def narrowing(
    price_min: _Price = None,
    price_max: _Price = None,
    currency: Annotated[str | None, Query(max_length=10, description=_CURRENCY)] = None,
    brand: Annotated[
        list[_Brand] | None, Query(max_length=20, description="One of these; case does not matter.")
    ] = None,
    in_stock: Annotated[bool, Query(description="Only products that the shop says are in stock.")] = False,
) -> Filters:
    """The filters that a request asks for; what is left empty allows everything.

    Args:
        price_min: the least price; a product without a price is left out.
        price_max: the highest one; the same.
        currency: of the price.
        brand: names, one of which the product must have.
        in_stock: whether it must be in stock.

    Raises:
        RequestValidationError: the least price is above the highest.
    """
    if price_min is not None and price_max is not None and price_min > price_max:
        said = {"type": "value_error", "loc": ("query", "price_min"), "msg": "is above price_max", "input": price_min}
        raise RequestValidationError([said])
    brands = tuple(name.strip() for name in brand or () if name.strip())
    return Filters(
        brands=brands or None,
        availability=(IN_STOCK,) if in_stock else None,
        price_min=price_min,
        price_max=price_max,
        currency=(currency or "").strip() or None,
    )


Narrowing = Annotated[Filters, Depends(narrowing)]
