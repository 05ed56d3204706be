"""Pooling that looks at the garment alone: what lies outside the mask has no weight."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

_TINY = 1e-4
# Where ImageNet's normalised colours lie, roughly: the palette's first colours are spread over this range.
_LOW, _HIGH = -2.0, 2.4


def resize_mask(mask: Tensor, like: Tensor) -> Tensor:
    """Average a mask (N, 1, S, S) down to the cells of a map (N, C, h, w); every mask keeps some weight everywhere.

    The small floor makes an empty mask mean "the whole crop" in place of a division by nothing.
    """
    factor = mask.shape[-1] // like.shape[-1]
    return nn.functional.avg_pool2d(mask, factor) + _TINY


def tint_ground(colours: Tensor, mask: Tensor, keep: float) -> Tensor:
    """Fade what lies outside a mask (N, 1, S, S) to the mean colour (0 in normalised colours (N, 3, S, S))."""
    return colours * (mask + keep * (1 - mask))


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean (N, C) of a map (N, C, h, w) under weights (N, 1, h, w)."""
    return (x * mask).sum((2, 3)) / mask.sum((2, 3))


def masked_moments(x: Tensor, mask: Tensor) -> Tensor:
    """Mean and standard deviation (N, 2C) of a map (N, C, h, w) under weights (N, 1, h, w)."""
    mean = masked_mean(x, mask)
    spread = masked_mean((x - mean[:, :, None, None]) ** 2, mask)
    return torch.cat([mean, torch.sqrt(spread + _TINY)], 1)


def masked_bands(x: Tensor, mask: Tensor, count: int) -> Tensor:
    """Means (N, count * C) of a map (N, C, h, w) in bands from top to bottom, each with as much of the mask's weight.

    Bands of equal weight stay where they are on a garment when a box is a little too high or too low. A row that lies
    on a border counts for both bands, as far as it lies in them.

    Args:
        x: the map.
        mask: (N, 1, h, w) weights, none of them 0.
        count: of bands.
    """
    rows = mask.sum((1, 3))
    rows = rows / rows.sum(1, keepdim=True)
    end = rows.cumsum(1).unsqueeze(1)  # (N, 1, h): share of the weight down to a row's lower edge
    edges = torch.arange(count + 1, device=x.device, dtype=x.dtype).reshape(1, -1, 1) / count
    inside = torch.minimum(end, edges[:, 1:]) - torch.maximum(end - rows.unsqueeze(1), edges[:, :-1])
    share = inside.clamp(min=0) / rows.unsqueeze(1)  # (N, count, h) of each row
    weights = (mask * share.unsqueeze(-1)).flatten(2)  # (N, count, h * w)
    means = torch.bmm(weights, x.flatten(2).transpose(1, 2)) / weights.sum(2, keepdim=True).clamp(min=_TINY)
    return means.flatten(1)


class GeM(nn.Module):
    """Generalised mean pooling (Radenovic et al., 2018) under a mask, with a learnt exponent."""

    def __init__(self, power: float = 3.0) -> None:
        """Start from this exponent: 1 is the mean, more leans to the maximum."""
        super().__init__()
        self.power = nn.Parameter(torch.tensor(power))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (N, C, h, w) and weights (N, 1, h, w) -> (N, C)."""
        # The trunk's last map has no activation of its own. Where nothing is found at all a power of it would be 0, and
        # the slope of a root is not finite there.
        positive = nn.functional.softplus(x) + _TINY
        power = self.power.clamp(1.0, 8.0)
        return masked_mean(positive**power, mask) ** (1 / power)


class Palette(nn.Module):
    """A soft histogram over learnt colours: square roots of the shares of the garment nearest to each colour.

    Nearness is a softmax over negative squared distances; the pixel's own square cancels, so one 1x1 convolution
    does it. Square roots make inner products of histograms the Hellinger kernel.
    """

    def __init__(self, per_channel: int, sharpness: float = 2.5) -> None:
        """Spread `per_channel` cubed colours evenly over the colour cube."""
        super().__init__()
        levels = torch.linspace(_LOW, _HIGH, per_channel + 2)[1:-1]
        centres = torch.tensor(list(itertools.product(levels.tolist(), repeat=3)))
        self.bins = len(centres)
        self.nearness = nn.Conv2d(3, self.bins, 1)
        with torch.no_grad():
            self.nearness.weight.copy_(2 * sharpness * centres[:, :, None, None])
            self.nearness.bias.copy_(-sharpness * (centres**2).sum(1))

    def forward(self, colours: Tensor, mask: Tensor) -> Tensor:
        """Normalised colours (N, 3, h, w) and weights (N, 1, h, w) -> (N, bins)."""
        return torch.sqrt(masked_mean(self.nearness(colours).softmax(1), mask) + _TINY)
