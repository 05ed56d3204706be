"""A running average of weights, which is what gets exported (Polyak averaging with a warm start)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a model's parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the model's present weights; `decay` is reached after a few hundred updates."""
        self._decay = decay
        self.updates = 0
        self.weights = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's weights."""
        self.updates += 1
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        names, values = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True)
        torch._foreach_lerp_([self.weights[n] for n in names], [v.detach() for v in values], 1 - decay)

    def load(self, weights: dict[str, Tensor], updates: int) -> None:
        """Continue from saved weights."""
        self.updates = updates
        for name, value in weights.items():
            self.weights[name].copy_(value)
