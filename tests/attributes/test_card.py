"""Weights travel with their card."""

from __future__ import annotations

import hashlib
import json
from importlib import resources


def test_the_card_is_of_these_weights_and_says_where_they_come_from() -> None:
    folder = resources.files("matcher.attributes")
    card = json.loads(folder.joinpath("card.json").read_text("utf-8"))
    for name, expected in card["files"].items():
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == expected, "asworn train attributes"
    assert card["licence"] == "Apache-2.0"
    assert all(one["name"] and one["licence"] and one["used_for"] for one in card["origin"])
