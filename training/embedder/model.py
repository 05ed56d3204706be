"""The network that turns a garment's crop and mask into a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.embedder.colours import ColourHistogram
from training.embedder.pooling import GeM, Palette, masked_bands, masked_moments, resize_mask, tint_ground
from training.trunk import CropTrunk, Normalise


@dataclass(frozen=True)
class EmbedderModelConfig:
    """Shape of the network.

    Attributes:
        size: side of the crops in pixels, a multiple of 32.
        margin: share of the box's longer side added on every side of the crop.
        dimension: of the embedding.
        colours: so many of its numbers compare exact colours (`training.embedder.colours`), the others are learnt.
        colour_share: of the cosine that they make up.
        taps: trunk blocks whose maps give means and deviations; the last block gives the GeM.
        hidden: width of a hidden layer beside the linear one; 0 for none.
        bands: so many bands from top to bottom whose colours and middle maps are pooled apart too; 0 for none.
        palette: colours per channel of the soft colour histogram; its bins are their cube.
        cell: side in pixels of the cells whose mean colours are counted.
        ground: how much of the background's contrast is kept before the trunk, 0..1.
        refine: masks are drawn after the colours of the crop first (`matcher.outline`), here and in the matcher.
    """

    size: int = 128
    margin: float = 0.05
    dimension: int = 192
    colours: int = 0
    colour_share: float = 0.13
    taps: tuple[int, ...] = (3, 6, 13)
    palette: int = 4
    cell: int = 2
    hidden: int = 0
    bands: int = 0
    ground: float = 0.0
    refine: bool = False


class Embedder(nn.Module):
    """MobileNetV2 trunk on the masked crop, pooled to texture, shape and colour, projected to unit length.

    Every statistic is standardised by a LayerNorm of its own before they are joined, so that none drowns the others.
    """

    def __init__(self, config: EmbedderModelConfig, frozen_blocks: int = 4) -> None:
        """Build with random weights; the first `frozen_blocks` blocks of the trunk take no gradient."""
        super().__init__()
        self.config = config
        self.normalise = Normalise()
        self.trunk = CropTrunk((*config.taps, 17), frozen_blocks)
        self.gem = GeM()
        self.palette = Palette(config.palette)
        self.colours = ColourHistogram(config.colours) if config.colours else None
        learnt = config.dimension - config.colours
        widths = [2 * c for c in self.trunk.channels[:-1]] + [self.trunk.channels[-1], self.palette.bins, 6]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.project = nn.Linear(sum(widths), learnt)
        nn.init.orthogonal_(self.project.weight)
        self.bend = _hidden(sum(widths), config.hidden, learnt) if config.hidden else None
        self.bands = Bands(config.bands, self.trunk.channels[1:-1], learnt) if config.bands else None

    def _maps(self, crops: Tensor, masks: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """The trunk's maps, the small picture's colours, and the mask's weights (N, 1, S, S)."""
        colours = self.normalise(crops)
        weights = masks.unsqueeze(1)
        maps = self.trunk(tint_ground(colours, weights, self.config.ground))
        return maps, nn.functional.avg_pool2d(colours, self.config.cell), weights

    def _whole(self, maps: list[Tensor], small: Tensor, weights: Tensor) -> list[Tensor]:
        """What is pooled of a garment as a whole: a list of (N, width) tensors, not yet standardised."""
        parts = [masked_moments(m, resize_mask(weights, m)) for m in maps[:-1]]
        inner = resize_mask(weights, small)
        parts.append(self.gem(maps[-1], resize_mask(weights, maps[-1])))
        parts.append(self.palette(small, inner))
        parts.append(masked_moments(small, inner))
        return parts

    def forward(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Embed garments.

        Args:
            crops: (N, S, S, 3) uint8 BGR.
            masks: (N, S, S) float32 in 0..1.

        Returns:
            (N, D) float32, L2-normalised.
        """
        maps, small, weights = self._maps(crops, masks)
        parts = self._whole(maps, small, weights)
        joined = torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], 1)
        projected = self.project(joined)
        if self.bend is not None:
            projected = projected + self.bend(joined)
        if self.bands is not None:
            projected = projected + self.bands([small, *maps[1:-1]], weights)
        learnt = nn.functional.normalize(projected, dim=1, eps=1e-6)
        if self.colours is None:
            return learnt
        share = self.config.colour_share
        return torch.cat([(1 - share) ** 0.5 * learnt, share**0.5 * self.colours(crops, masks)], 1)


class Bands(nn.Module):
    """Where on a garment its colours and textures are: bands pooled apart (part-based pooling, Sun et al., 2018)."""

    def __init__(self, count: int, channels: Sequence[int], dimension: int) -> None:
        """Start by adding nothing.

        Args:
            count: of bands.
            channels: of the maps beside the three colours.
            dimension: of what is added to the embedding.
        """
        super().__init__()
        self.count = count
        widths = [count * width for width in (3, *channels)]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.project = nn.Linear(sum(widths), dimension)
        self.add_nothing()

    def add_nothing(self) -> None:
        """Take the weights with which an embedder is as it is without bands."""
        for norm in self.norms:
            norm.reset_parameters()
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, maps: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Maps (N, C, h, w), the colours first, and a mask (N, 1, S, S) -> (N, dimension)."""
        pooled = [masked_bands(m, resize_mask(mask, m), self.count) for m in maps]
        return self.project(torch.cat([norm(part) for norm, part in zip(self.norms, pooled, strict=True)], 1))


def _hidden(width: int, hidden: int, dimension: int) -> nn.Sequential:
    """Two layers that start by adding nothing."""
    layers = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, dimension))
    nn.init.zeros_(layers[2].weight)
    nn.init.zeros_(layers[2].bias)
    return layers
