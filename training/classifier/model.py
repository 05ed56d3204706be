"""The network that names the type of a garment on a crop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from matcher.taxonomy import TYPES
from training.trunk import CropTrunk, Normalise

_TAPS = (13, 17)


class TypeClassifier(nn.Module):
    """MobileNetV2 trunk; means of two maps and the maximum of the last one; one linear layer."""

    def __init__(self, frozen_blocks: int = 4, dropout: float = 0.1) -> None:
        """Build with random weights; the first `frozen_blocks` blocks of the trunk take no gradient."""
        super().__init__()
        self.normalise = Normalise()
        self.trunk = CropTrunk(_TAPS, frozen_blocks)
        middle, last = self.trunk.channels
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(middle + 2 * last, len(TYPES))

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> logits (N, types)."""
        middle, last = self.trunk(self.normalise(crops))
        pooled = [middle.mean((2, 3)), last.mean((2, 3)), last.amax((2, 3))]
        return self.head(self.dropout(torch.cat(pooled, 1)))


class TypeProbabilities(nn.Module):
    """What is exported: the classifier followed by a softmax."""

    def __init__(self, classifier: TypeClassifier) -> None:
        """Wrap a classifier."""
        super().__init__()
        self.classifier = classifier

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> probabilities (N, types)."""
        return self.classifier(crops).softmax(1)
