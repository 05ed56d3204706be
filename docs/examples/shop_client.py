"""A client of the API of `asworn serve`, with types: the products worn in a picture.

python docs/examples/shop_client.py http://127.0.0.1:8080 look.jpg
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx


@dataclass(frozen=True)
class Product:
    """A listing of the shop."""

    id: str
    title: str
    price: float | None
    currency: str
    link: str


@dataclass(frozen=True)
class Match:
    """A product that looks like a garment; `score` is a cosine similarity."""

    product: Product
    score: float


@dataclass(frozen=True)
class Garment:
    """A garment of a picture; `box` is x0, y0, x1, y1 in pixels, `tier` exact, similar or none."""

    number: int
    type: str
    tier: str
    box: tuple[float, float, float, float]
    keywords: tuple[str, ...]
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Look:
    """A picture with its garments."""

    id: str
    garments: tuple[Garment, ...]


class ShopError(Exception):
    """The server refused; the message is its plain line."""


class ShopClient:
    """Asks one server. A context manager.

    Example:
        with ShopClient("http://127.0.0.1:8080") as shop:
            look = shop.look(Path("look.jpg"))
    """

    def __init__(self, url: str, token: str = "") -> None:
        """Take the server's address, and its token where feedback is to be given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def look(self, picture: Path) -> Look:
        """Find the garments of a picture.

        Raises:
            ShopError: it is no picture, or the server is busy.
        """
        found = self._ask("POST", "/api/looks", content=picture.read_bytes())
        return Look(found["id"], tuple(_garment(one) for one in found["garments"]))

    def similar(
        self,
        look: Look,
        garment: Garment,
        count: int = 12,
        *,
        price_min: float | None = None,
        price_max: float | None = None,
        brands: Sequence[str] = (),
        in_stock: bool = False,
    ) -> tuple[Match, ...]:
        """More products like a garment, of all or of those between two prices, of these brands, or in stock."""
        prices = {"price_min": price_min, "price_max": price_max}
        given = {name: value for name, value in prices.items() if value is not None}
        params = {"count": count, "brand": list(brands), "in_stock": in_stock, **given}
        path = f"/api/looks/{look.id}/garments/{garment.number}/similar"
        return tuple(map(_match, self._ask("GET", path, params=params)["matches"]))

    def feedback(self, look: Look, garment: Garment, product_id: str, right: bool) -> None:
        """Say whether a product is what is worn; needs the token."""
        said = {"product_id": product_id, "verdict": "right" if right else "wrong"}
        self._ask("POST", f"/api/looks/{look.id}/garments/{garment.number}/feedback", json=said)

    def _ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **what)
        if answer.is_error:
            raise ShopError(str(answer.json().get("detail", answer.status_code)))
        return answer.json()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


def _garment(one: dict[str, Any]) -> Garment:
    matches = tuple(map(_match, one["matches"]))
    return Garment(one["number"], one["type"], one["tier"], tuple(one["box"]), tuple(one["keywords"]), matches)


def _match(one: dict[str, Any]) -> Match:
    product = one["product"]
    names = ("id", "title", "price", "currency", "link")
    return Match(Product(**{name: product[name] for name in names}), one["score"])


def main(url: str, picture: str) -> None:
    """Print what is worn."""
    with ShopClient(url) as shop:
        for garment in shop.look(Path(picture)).garments:
            best = garment.matches[0] if garment.matches else None
            found = f"{garment.tier}: {best.product.title}, {best.score:.2f}" if best else "nothing"
            print(f"{' '.join(garment.keywords)}: {found}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
