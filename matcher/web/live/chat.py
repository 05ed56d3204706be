"""What the chat is told when somebody asks what is worn."""

from __future__ import annotations

import re
import unicodedata

from matcher.types import EXACT
from matcher.web.live.board import Board
from matcher.web.live.deck import Card
from matcher.web.live.message import price

LONGEST = 450  # characters; Twitch takes 500, with the name that bots put in front
_EMPTY = "Nothing that the shop sells is on screen right now."


def fit_text(board: Board, longest: int = LONGEST) -> str:
    """What is worn now, on one plain line: titles, prices and links, as many products as fit.

    Args:
        board: of the stream.
        longest: characters.
    """
    cards = board.cards()
    if not cards:
        return _EMPTY[:longest]
    labels = list(dict.fromkeys(filter(None, (_label(board, card) for card in cards))))
    tail = f" ({'; '.join(labels)})" if labels else ""
    parts: list[str] = []
    for card in cards:
        text = " · ".join([*parts, _words(board, card)])
        if len(text) + len(tail) > longest:
            break
        parts.append(_words(board, card))
    # The label must not be what is left out: without room for it no link is told either.
    return harmless(" · ".join(parts) + tail) if parts else harmless(cards[0].product.name)[:longest]


def harmless(text: str) -> str:
    """One line without control characters that no chat takes for a command."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    plain = "".join(" " if unicodedata.category(letter) in kinds else letter for letter in text)
    return re.sub(r"\s+", " ", plain).strip().lstrip("/.!\\ ")


def _words(board: Board, card: Card) -> str:
    product, link = card.product, board.links.link(card.product)
    name = harmless(product.name)[:80]
    told = name if card.tier == EXACT or not card.tier else f"similar to {name}"
    cost = price(product)
    return " ".join(filter(None, (told + (f", {harmless(cost)}" if cost else ""), link)))


def _label(board: Board, card: Card) -> str:
    return board.links.disclosure(card.product) if board.links.link(card.product) else ""
