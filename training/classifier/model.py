"""The network that names the type of a garment on a crop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from matcher.taxonomy import TYPES
from training.trunk import CropTrunk, Normalise

_TAPS = (13, 17)


class TypeClassifier(nn.Module):
    """MobileNetV2 trunk; means of two maps and the maximum of the last one; one linear layer."""

    def __init__(self, frozen_blocks: int = 4, dropout: float = 0.1, known: Sequence[int] = range(len(TYPES))) -> None:
        """Build with random weights.

        Args:
            frozen_blocks: so many first blocks of the trunk take no gradient.
            dropout: in front of the last layer.
            known: type ids that it can name.
        """
        super().__init__()
        self.known = tuple(known)
        self.normalise = Normalise()
        self.trunk = CropTrunk(_TAPS, frozen_blocks)
        middle, last = self.trunk.channels
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(middle + 2 * last, len(self.known))

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> logits (N, known types)."""
        middle, last = self.trunk(self.normalise(crops))
        pooled = [middle.mean((2, 3)), last.mean((2, 3)), last.amax((2, 3))]
        return self.head(self.dropout(torch.cat(pooled, 1)))


class TypeProbabilities(nn.Module):
    """What is exported: the classifier followed by a softmax; types that it does not know have probability 0."""

    def __init__(self, classifier: nn.Module) -> None:
        """Wrap a network that says in `known` which types its logits are of."""
        super().__init__()
        self.classifier = classifier
        places = torch.eye(len(TYPES))[list(classifier.known)]
        # None where it knows all: the graph of such a classifier has no needless product.
        self.register_buffer("places", None if len(places) == len(TYPES) else places, persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> probabilities (N, types)."""
        probs = self.classifier(crops).softmax(1)
        return probs if self.places is None else probs @ self.places
