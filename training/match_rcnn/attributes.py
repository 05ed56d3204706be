"""The attribute head as it goes into bundles: what it says of chosen boxes, under words that people search for."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.match_rcnn.config import ModelConfig
from training.match_rcnn.model import MatchRCNN

ATTRIBUTES = "attributes"  # name of the output, and of the card's part
SCORE = 0.5  # from which on a word is said
_log = logging.getLogger(__name__)


class Attributes(nn.Module):
    """The head without what is no word (see `words_of`): (..., width) of the box head -> (..., A) chances, float32."""

    def __init__(self, layer: nn.Linear, rows: Sequence[int]) -> None:
        """Copy these rows of a layer."""
        super().__init__()
        self.layer = nn.Linear(layer.in_features, len(rows))
        with torch.no_grad():
            self.layer.weight.copy_(layer.weight[list(rows)])
            self.layer.bias.copy_(layer.bias[list(rows)])
        self.requires_grad_(False)

    @classmethod
    def of(cls, model: MatchRCNN) -> Attributes | None:
        """That of a model; None where it has none, or its attributes have no names that could be said."""
        rows = _rows(model.config)
        return cls(model.heads.attributes, list(rows)) if rows else None

    def forward(self, vectors: Tensor) -> Tensor:
        """See the class."""
        return self.layer(vectors).float().sigmoid()


def attributes_section(config: ModelConfig) -> dict[str, Any]:
    """What a card says of a detector's attributes; nothing where it has none."""
    words = list(_rows(config).values())
    if config.attributes and not config.attribute_names:
        _log.warning("the attributes of this detector have no names, so they are left out; train it with this version")
    return {ATTRIBUTES: {"names": words, "score_threshold": SCORE}} if words else {}


def words_of(names: Sequence[str]) -> list[str]:
    """A word for each attribute of a data set, "" for those that say what is not there.

    "dolman (sleeve), batwing (sleeve)" becomes "dolman sleeve", "no waistline" nothing. Where two become one word, the
    first has it.
    """
    words: list[str] = []
    for name in names:
        first = " ".join(re.sub(r"[()]", " ", name.partition(",")[0]).split()).lower()
        usable = first.isprintable() and len(first) <= 80 and not first.startswith("no ") and first not in words
        words.append(first if usable else "")
    return words


def _rows(config: ModelConfig) -> dict[int, str]:
    """Number of an attribute to its word, of those that go into a bundle."""
    return {number: word for number, word in enumerate(words_of(config.attribute_names)) if word}
