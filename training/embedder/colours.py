"""Exact colours as a part of the embedding that is compared as it is: a projected histogram of hue and its like.

What is learnt from tried-on garments forgives the light, and with it takes two blues for one. A histogram forgives
nothing, and where camera and light are good it is hard to beat. A small fixed share of it in the embedding keeps both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HUES, SATURATIONS, VALUES = 16, 6, 6
BINS = HUES * SATURATIONS * VALUES
_STRIDE = 2  # every second pixel in both directions tells as much
_TINY = 1e-4


class ColourHistogram(nn.Module):
    """Square roots of the shares of hue, saturation and value, projected to few numbers (Hellinger kernel).

    Every pixel is shared between neighbouring bins in proportion to its nearness, so that a colour that lies between
    two bins is not torn to one of them by noise.
    """

    def __init__(self, width: int) -> None:
        """Project to `width` numbers; until `fit` has been called they are all 0."""
        super().__init__()
        self.register_buffer("basis", torch.zeros(BINS, width))

    @property
    def fitted(self) -> bool:
        """Whether there is a projection."""
        return bool(self.basis.any())

    @torch.no_grad()
    def fit(self, histograms: Tensor) -> None:
        """Keep the directions in which histograms (N, BINS) are long: inner products change as little as can be."""
        _, _, directions = torch.linalg.svd(histograms.double(), full_matrices=False)
        self.basis.copy_(directions[: self.basis.shape[1]].T)

    def forward(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Crops (N, S, S, 3) uint8 BGR and masks (N, S, S) -> (N, width) of unit length."""
        return nn.functional.normalize(self.histogram(crops, masks) @ self.basis, dim=1, eps=1e-6)

    def histogram(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Square roots of shares (N, BINS): of unit length."""
        hue, saturation, value = _hsv(crops[:, ::_STRIDE, ::_STRIDE].float().flatten(1, 2) / 255)
        weights = masks[:, ::_STRIDE, ::_STRIDE].flatten(1, 2) + _TINY
        weights = weights / weights.sum(1, keepdim=True)
        hues = _around(hue, HUES) * weights.unsqueeze(2)
        rest = (_between(saturation, SATURATIONS).unsqueeze(3) * _between(value, VALUES).unsqueeze(2)).flatten(2)
        return torch.sqrt((hues.transpose(1, 2) @ rest).flatten(1))


def _hsv(bgr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, each (N, P) in 0..1, of colours (N, P, 3) in 0..1; the hue of greys is 0."""
    blue, green, red = bgr.unbind(2)
    value, least = bgr.amax(2), bgr.amin(2)
    spread = value - least
    by = spread.clamp(min=1e-6)
    from_red, from_green, from_blue = (green - blue) / by, 2 + (blue - red) / by, 4 + (red - green) / by
    sixths = torch.where(value == red, from_red, torch.where(value == green, from_green, from_blue))
    hue = torch.where(sixths < 0, sixths + 6, sixths) / 6
    return hue, spread / value.clamp(min=1e-6), value


def _between(x: Tensor, bins: int) -> Tensor:
    """Nearness (N, P, bins) of numbers (N, P) in 0..1 to the bins' centres, the first at 0, the last at 1."""
    return (1 - (x.unsqueeze(2) * (bins - 1) - torch.arange(bins)).abs()).clamp(min=0)


def _around(x: Tensor, bins: int) -> Tensor:
    """The same on a circle, where 1 is 0."""
    apart = (x.unsqueeze(2) * bins - torch.arange(bins)).abs()
    return (1 - torch.minimum(apart, bins - apart)).clamp(min=0)
