"""Products that a stream has shown lately, by the short names that stand in addresses."""

from __future__ import annotations

import threading
from collections import OrderedDict

from matcher.types import Product
from matcher.web.live.message import key_of

MOST = 500


class Known:
    """Remembers the newest products. Safe to use from several threads."""

    def __init__(self) -> None:
        """Know none."""
        self._products: OrderedDict[str, Product] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, product: Product) -> None:
        """Remember a product; the one that was not seen for longest is forgotten where there are too many."""
        with self._lock:
            key = key_of(product.id)
            self._products[key] = product
            self._products.move_to_end(key)
            while len(self._products) > MOST:
                self._products.popitem(last=False)

    def get(self, key: str) -> Product | None:
        """The product of a short name."""
        with self._lock:
            return self._products.get(key)
