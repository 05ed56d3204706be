"""Losses over a batch of pairs: row i of both views is the same garment, all other rows are other garments."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.embedder.metric_losses import MINED, PROXIES

_EMPTY = 2**40  # number of a place in a memory that is not filled yet


class SymmetricInfoNCE(nn.Module):
    """Cross entropy of finding the partner among all rows of the other view, both ways (Radford et al., 2021).

    With a memory, worn garments are also told apart from the shop views of past batches (cross-batch memory, Wang et
    al., 2020). It is filled from the start and used only after a while: early embeddings move too fast to be rivals.
    """

    def __init__(
        self, scale: float = 16.0, limit: float = 64.0, memory: int = 0, dimension: int = 0, patience: int = 300
    ) -> None:
        """Start from `scale`, the inverse temperature; it is learnt and never exceeds `limit`.

        Args:
            scale: inverse temperature at the start.
            limit: its largest value.
            memory: shop views that are kept; 0 for none.
            dimension: of the embedding, needed for a memory.
            patience: batches before the memory is used.
        """
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self._limit = math.log(limit)
        self._patience = patience
        self.register_buffer("kept", torch.zeros(memory, dimension))
        self.register_buffer("kept_numbers", torch.full((memory,), _EMPTY))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, shop: Tensor, worn: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Unit vectors (B, D) of both views, and (B,) int64 numbers of the garments, for the memory -> scalar."""
        scale = self.log_scale.clamp(max=self._limit).exp()
        scores = shop @ worn.T * scale
        target = torch.arange(len(scores), device=scores.device)
        rivals = scores.T
        if numbers is not None and len(self.kept):
            if int(self.seen) >= self._patience:
                rivals = torch.cat([rivals, self._against_memory(worn, numbers) * scale], 1)
            if self.training:
                self._keep(shop.detach(), numbers)
        return (nn.functional.cross_entropy(scores, target) + nn.functional.cross_entropy(rivals, target)) / 2

    def _against_memory(self, worn: Tensor, numbers: Tensor) -> Tensor:
        no_rival = (self.kept_numbers[None] == numbers[:, None]) | (self.kept_numbers == _EMPTY)[None]
        # A copy: the memory is written over before gradients are taken.
        return (worn @ self.kept.clone().T).masked_fill(no_rival, -1.0)

    @torch.no_grad()
    def _keep(self, shop: Tensor, numbers: Tensor) -> None:
        """Write over the oldest."""
        at = (int(self.seen) * len(shop) + torch.arange(len(shop))) % len(self.kept)
        self.kept[at], self.kept_numbers[at] = shop, numbers
        self.seen += 1


INFO_NCE = "info_nce"
LOSSES = (INFO_NCE, *MINED, *PROXIES)


def make_loss(name: str, memory: int = 0, dimension: int = 0, patience: int = 300, classes: int = 0) -> nn.Module:
    """A loss by its name in recipes.

    Args:
        name: one of `LOSSES`.
        memory: shop views that the loss keeps; for "info_nce" alone.
        dimension: of the embedding; for a memory and for losses with proxies.
        patience: batches before the memory is used.
        classes: garments of the training data; for losses with proxies.

    Raises:
        ConfigError: there is no such loss, it has no memory, or it has proxies and `classes` is 0.
    """
    if name not in LOSSES:
        raise ConfigError(f"no loss is called {name!r}; choose one of {', '.join(LOSSES)}")
    if memory and name != INFO_NCE:
        raise ConfigError(f'the loss {name!r} has no memory; set memory = 0, or loss = "info_nce"')
    if name in PROXIES:
        return _with_proxies(name, dimension, classes)
    if name in MINED:
        return MINED[name]()
    return SymmetricInfoNCE(memory=memory, dimension=dimension, patience=patience)


def _with_proxies(name: str, dimension: int, classes: int) -> nn.Module:
    if not classes:
        raise ConfigError(f"the loss {name!r} has a vector for each garment: set classes to the number of garments")
    return PROXIES[name](classes, dimension)
