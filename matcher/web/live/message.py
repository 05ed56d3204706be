"""What the overlay page is told. Messages are JSON texts; every one has the number `seq` of the state that it brings.

    cards   what is shown now, complete: {"k": "cards", "epoch", "seq", "version", "t", "state", "size", "cards": [...]}
    boxes   where it is in one frame: {"k": "boxes", "seq", "t", "mark", "shot", "b": {card: box}, "all": [box, ...]}

`epoch` names a run of the server, `version` grows with every change of the cards. A page that comes back names both
that it knows, and is sent the cards only if they are others. `t` is when the frame came that changed this, in
milliseconds of the server's clock. Boxes are [x, y, width, height] as shares of the picture: `b` of what cards belong
to, `all` of every garment. `mark` tells the frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from matcher.types import TIERS, Product
from matcher.web.live.claims import Box
from matcher.web.live.deck import Card
from matcher.web.live.rules import Links

_LONGEST = 160  # characters of a text on a card


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and the numbers of the state that who has it knows; version 0 = the one of before."""

    seq: int
    text: str
    version: int = 0


def key_of(product_id: str) -> str:
    """A short name of a product that is safe in addresses, whatever the shop's id looks like."""
    return blake2s(product_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def card_json(card: Card, links: Links, stream: str) -> dict[str, Any]:
    """What the page shows of a card."""
    product, link = card.product, links.link(card.product)
    key = key_of(product.id)
    return {
        "id": key,
        "title": _short(product.name),
        "brand": _short(product.brand),
        "shop": _short(links.shop(product)),
        "price": price(product),
        "type": product.type,
        "tier": TIERS[card.tier],
        "pinned": card.pinned,
        "link": link,
        "disclosure": links.disclosure(product) if link else "",
        "photo": f"/live/photo/{stream}/{key}.jpg",
        "qr": f"/live/qr/{stream}/{key}.svg" if link else "",
    }


def boxes(seq: int, t_ms: float, mark: int, shot: int, cards: Iterable[Card], garments: Iterable[Box]) -> Message:
    """Where the cards' garments are, and all others, which cards had better not cover."""
    places = {key_of(card.product.id): [round(v, 4) for v in card.box] for card in cards if card.box is not None}
    told = {"k": "boxes", "seq": seq, "t": round(t_ms, 1), "mark": mark, "shot": shot, "b": places}
    told["all"] = [[round(v, 3) for v in box] for box in garments]
    return Message(seq, json.dumps(told, separators=(",", ":")))


def price(product: Product) -> str:
    """The price as it is shown; "" where there is none."""
    return "" if product.price is None else f"{product.price:,.2f} {product.currency}".strip()


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
