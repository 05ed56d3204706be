"""What the owner of this server looked at, and the order of products that comes of it. Off and empty on request."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from matcher.types import Product
from matcher.web.app.store import Store

KINDS = ("open", "visit", "search")  # opened its details, followed its link, asked for things like it
_WEIGHT = {"open": 1.0, "visit": 3.0, "search": 2.0}
_MOST = 2000  # events remembered
_HALF_LIFE_S = 30 * 24 * 3600.0
SHOP_BONUS, BRAND_BONUS, TASTE_BONUS = 0.02, 0.02, 0.03  # at most, on similarities of which 0.05 is a lot
_TASTE_EVENTS = 40

VectorOf = Callable[[str], NDArray[np.float32] | None]


class History:
    """Clicks and searches, and the small bonus that they give to products of a list.

    A bonus changes the order among products that look about equally alike; it never makes a match of what is none.
    """

    def __init__(self, store: Store, vector_of: VectorOf = lambda _: None) -> None:
        """Keep it in this store; `vector_of` gives the stored vector (D,) of a product by its id."""
        self._store, self._vector_of = store, vector_of

    @property
    def on(self) -> bool:
        """Whether it is kept and used."""
        row = self._store.row("SELECT value FROM setting WHERE name = 'history'")
        return row is None or row["value"] == "on"

    def switch(self, on: bool) -> None:
        """Switch it on or off; what is there stays until it is deleted."""
        self._store.change("INSERT OR REPLACE INTO setting VALUES ('history', ?)", ("on" if on else "off",))

    def add(self, kind: str, product: Product) -> None:
        """Note one event, where history is on."""
        if not self.on:
            return
        values = (time.time(), kind, product.id, _shop(product), product.brand)
        self._store.change("INSERT INTO event (at, kind, product, shop, brand) VALUES (?, ?, ?, ?, ?)", values)
        self._store.change("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (_MOST,))

    def delete(self) -> int:
        """Forget everything; how many events there were."""
        return self._store.change("DELETE FROM event")

    def count(self) -> int:
        """How many events are remembered."""
        return self._store.row("SELECT count(*) AS number FROM event")["number"]

    def ordered(self, found: list[tuple[Product, float]]) -> list[tuple[Product, float]]:
        """Products with their similarities in the order to show; as they come where history is off or empty."""
        if len(found) < 2 or not self.on:
            return found
        events = self._store.rows("SELECT * FROM event ORDER BY id DESC LIMIT ?", (_MOST,))
        if not events:
            return found
        shops, brands = _shares(events, "shop"), _shares(events, "brand")
        taste = self._taste(events)

        def bonus(product: Product) -> float:
            vector = self._vector_of(product.id) if taste is not None else None
            near = max(float(vector @ taste), 0.0) if vector is not None else 0.0
            shop, brand = shops.get(_shop(product), 0.0), brands.get(product.brand, 0.0)
            return SHOP_BONUS * shop + BRAND_BONUS * brand + TASTE_BONUS * near

        return sorted(found, key=lambda pair: -(pair[1] + bonus(pair[0])))

    def _taste(self, events: list[dict]) -> NDArray[np.float32] | None:
        """Where the products of the latest events lie on average, of length 1."""
        vectors = [(self._vector_of(one["product"]), _WEIGHT.get(one["kind"], 1.0)) for one in events[:_TASTE_EVENTS]]
        known = [weight * vector for vector, weight in vectors if vector is not None]
        mean = np.sum(known, axis=0) if known else np.zeros(1)
        length = float(np.linalg.norm(mean))
        return (mean / length).astype(np.float32) if length > 0 else None


def _shares(events: list[dict], column: str) -> dict[str, float]:
    """The share of each value in what was done, 0..1, old events counting less; the empty text has none."""
    now = time.time()
    sums: dict[str, float] = {}
    for one in events:
        weight = _WEIGHT.get(one["kind"], 1.0) * 0.5 ** ((now - one["at"]) / _HALF_LIFE_S)
        sums[one[column]] = sums.get(one[column], 0.0) + weight
    total = sum(sums.values())
    return {value: weight / total for value, weight in sums.items() if value and total > 0}


def _shop(product: Product) -> str:
    try:
        return urlsplit(product.link).hostname or ""
    except ValueError:
        return ""
