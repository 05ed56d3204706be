"""Changes to the card of a bundle that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matcher.bundle import Bundle, write_card


def change_card(bundle: Bundle, model: str, section: dict[str, Any]) -> Path:
    """Write a card again with other entries in one model's section; the files' hashes are taken anew.

    Args:
        bundle: whose card.
        model: name of the section, which is made if there is none.
        section: entries that are set; the others stay.

    Returns:
        Path of the card.
    """
    card = bundle.stated
    card["models"][model] = {**card["models"].get(model, {}), **section}
    return write_card(bundle.folder, card)
