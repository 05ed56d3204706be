"""The words that a detector was trained to say of a garment, as the card of its bundle names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BundleError

MOST_SAID = 10  # of one garment; a list of everything is none
_MOST_NAMES = 2000
_MOST_LETTERS = 80


@dataclass(frozen=True)
class DetectorWords:
    """What the columns of `Garments.attributes` stand for.

    Attributes:
        names: of the columns, e.g. "v-neck"; without commas, each once.
        threshold: chance from which on a word is said.
    """

    names: tuple[str, ...]
    threshold: float = 0.5

    @classmethod
    def of_card(cls, section: Mapping[str, Any]) -> DetectorWords | None:
        """What the section of a detector says; None where it has no attributes.

        Raises:
            BundleError: what it says is not names and a threshold.
        """
        given = section.get("attributes")
        if given is None:
            return None
        names = given.get("names") if isinstance(given, Mapping) else None
        threshold = given.get("score_threshold", 0.5) if isinstance(given, Mapping) else None
        sound = isinstance(names, list) and len(names) <= _MOST_NAMES and all(map(_is_name, names))
        if not sound or len(set(names)) != len(names) or not _is_chance(threshold):
            raise BundleError("the card's attributes need names (each once, no commas) and a score_threshold of 0 to 1")
        return cls(tuple(names), float(threshold)) if names else None

    def said(self, chances: NDArray[np.float32]) -> tuple[str, ...]:
        """The names of a garment with these chances (A,), the likeliest first, at most `MOST_SAID`."""
        order = np.argsort(-chances, kind="stable")[:MOST_SAID]
        return tuple(self.names[i] for i in order if chances[i] >= self.threshold)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS and value.isprintable() and "," not in value


def _is_chance(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
