"""A sheet of queries of a catalogue with what they found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import MatcherError
from matcher.types import Product
from matcher.video.image import read_image
from training.evaluation.plots import sheet, tile, write
from training.evaluation.queries import Query
from training.evaluation.retrieval_eval import Describer, Shop, asked_for, ranked

_ROWS, _PLACES, _SIDE = 12, 8, 120

Image = NDArray[np.uint8]


def retrieval_sheet(describe: Describer, catalog: Shop, queries: Sequence[Query]) -> Image:
    """Draw the first queries and their first answers, right ones framed green, wrong ones red.

    Args:
        describe: as for the evaluation.
        catalog: what is searched; products whose picture is no file at hand are shown by their id.
        queries: of which some from all over the list are drawn.
    """
    chosen = [queries[i] for i in np.unique(np.linspace(0, len(queries) - 1, _ROWS).astype(int))]
    return sheet([_row(describe, catalog, query) for query in chosen], "the query, then what was found", _SIDE)


def _row(describe: Describer, catalog: Shop, query: Query) -> tuple[Image, list[tuple[Image, bool]]]:
    image = read_image(query.image)
    (found,) = asked_for(describe, image, [query])
    if not len(found):
        return image, []
    rows, meant = ranked(catalog, found, _PLACES)
    products = [catalog.product(int(row)) for row in rows[:_PLACES]]
    x0, y0, x1, y1 = (max(int(v), 0) for v in found.xyxy[meant[0] if len(meant) else 0])
    return image[y0 : y1 + 1, x0 : x1 + 1], [(_picture(p), p.id == query.product_id) for p in products]


def _picture(product: Product) -> Image:
    path = Path(product.image) if product.image and "://" not in product.image else None
    try:
        if path is not None and path.is_file():
            return read_image(path)
    except (MatcherError, OSError):
        pass  # its id will do
    card = tile(np.full((1, 1, 3), 255, np.uint8), _SIDE)
    write(card, (6, _SIDE // 2), product.id[:16])
    return card
