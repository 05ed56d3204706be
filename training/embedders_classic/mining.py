"""FaceNet's triplets in rounds: who is the stranger that a garment is told apart from (Schroff et al., 2015)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from training.data.garment_crops import Garments
from training.embedder.sampler import PairSource
from training.embedder.views import shop_view, worn_view
from training.embedders_classic.config import ClassicConfig

_ROWS = 256  # views at once while mining
_MINING = 55  # keeps the random numbers of mining apart from those of batches


def hardest(anchors: Tensor, strangers: Tensor) -> Tensor:
    """The nearest stranger of each anchor: argmin over n != a of ||f(a) - f(n)||^2.

    Args:
        anchors: (N, D) of N garments.
        strangers: (N, D) of the same garments in the same order, other views.

    Returns:
        (N,) int64 row numbers.
    """
    rows = []
    for at in range(0, len(anchors), _ROWS):
        distances = torch.cdist(anchors[at : at + _ROWS], strangers) ** 2
        own = torch.arange(len(distances))
        distances[own, own + at] = torch.inf
        rows.append(distances.argmin(1))
    return torch.cat(rows)


def triplet_loss(anchors: Tensor, partners: Tensor, strangers: Tensor, margin: float) -> Tensor:
    """Mean of max(0, ||a - p||^2 - ||a - n||^2 + margin) over rows (B, D)."""
    near, far = ((anchors - other).square().sum(1) for other in (partners, strangers))
    return (near - far + margin).clamp(min=0).mean()


class TripletRounds:
    """The triplets of any step, from the step's number and the strangers of the round."""

    def __init__(self, garments: Garments, config: ClassicConfig) -> None:
        """Take the training garments; each is an anchor once in an epoch."""
        self._garments, self._config = garments, config
        self._source = PairSource(garments, own=config.own)
        names = self._source.identities
        self._names = names[:: max(len(names) // (config.rounds.garments or len(names)), 1)]
        self._batch = min(config.garments, len(self._names))
        self._epoch_steps = len(self._names) // self._batch

    def __len__(self) -> int:
        return len(self._names)

    def starts(self, step: int) -> bool:
        """Whether a round starts with this step."""
        return step % (self._config.rounds.epochs * self._epoch_steps) == 0

    def mine(self, encoder: nn.Module, step: int) -> Tensor:
        """Strangers (N,) of all garments for the round that starts with a step; random ones in the first round."""
        rng = np.random.default_rng((self._config.seed, _MINING, step))
        count = len(self)
        strangers = torch.from_numpy((np.arange(count) + rng.integers(1, count, count)) % count)
        if not step:
            return strangers
        hard = torch.from_numpy(rng.random(count) < self._config.rounds.hard)
        return torch.where(hard, hardest(*self._described(encoder, rng)), strangers)

    def __call__(self, step: int, strangers: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (3B, S, S, 3) uint8 and masks (3B, S, S) float32 of a step: worn, its shop view, the stranger's."""
        epoch, at = divmod(step, self._epoch_steps)
        order = np.random.default_rng((self._config.seed, _MINING + 1, epoch)).permutation(len(self))
        rows = order[at * self._batch : (at + 1) * self._batch]
        rng = np.random.default_rng((self._config.seed, step))
        worn, shop = zip(*(self._views(row, rng) for row in rows), strict=True)
        other = [self._shop(int(strangers[row]), rng) for row in rows]
        return _stacked([*worn, *shop, *other])

    @torch.no_grad()
    def _described(self, encoder: nn.Module, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Embeddings (N, D) of a worn and of a shop view of each garment, by the network as it is."""
        was, device = encoder.training, next(encoder.parameters()).device
        encoder.eval()
        parts = []
        for at in range(0, len(self), _ROWS):
            worn, shop = zip(*(self._views(i, rng) for i in range(at, min(at + _ROWS, len(self)))), strict=True)
            crops = [_stacked(list(views)) for views in (worn, shop)]
            parts.append([encoder(*(part.to(device) for part in views)).float().cpu() for views in crops])
        encoder.train(was)
        worn_parts, shop_parts = zip(*parts, strict=True)
        return torch.cat(worn_parts), torch.cat(shop_parts)

    def _views(self, number: int, rng: np.random.Generator) -> tuple[tuple, tuple]:
        pair = self._source.pair(self._names[number], rng)
        scenery = self._garments[int(rng.integers(len(self._garments)))]
        config = self._config
        worn = worn_view(self._garments[pair.worn], scenery, rng, config.size, config.margin)
        return worn, shop_view(self._garments[pair.shop], rng, config.size, config.margin)

    def _shop(self, number: int, rng: np.random.Generator) -> tuple:
        row = self._source.pair(self._names[number], rng).shop
        return shop_view(self._garments[row], rng, self._config.size, self._config.margin)


def _stacked(views: list[tuple]) -> tuple[Tensor, Tensor]:
    crops, masks = zip(*views, strict=True)
    return torch.from_numpy(np.stack(crops)), torch.from_numpy(np.stack(masks))
