"""The best look at worn garments, for cards of products whose shop gives no photo."""

from __future__ import annotations

import threading
from collections import OrderedDict

from matcher.best_view import BestView
from matcher.types import Frame, Garments

_KEPT = 100


class Worn:
    """Keeps pictures of the garments of the products that had a card lately. Safe to use from several threads."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._views: OrderedDict[str, BestView] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, product_id: str, frame: Frame, garment: Garments) -> None:
        """Keep this view (a `Garments` of length 1) if it is clearly better."""
        with self._lock:
            self._views.setdefault(product_id, BestView()).look(frame, garment)
            self._views.move_to_end(product_id)
            while len(self._views) > _KEPT:
                self._views.popitem(last=False)

    def of(self, product_id: str) -> bytes:
        """A small JPEG; empty where there is none."""
        with self._lock:
            view = self._views.get(product_id)
            return view.jpeg if view is not None else b""
