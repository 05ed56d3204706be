"""The feature pyramid, and cutting boxes out of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

STRIDES = (8, 16, 32)


class Pyramid(nn.Module):
    """Feature pyramid network (Lin et al., 2017) of one width on three levels."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        """`channels`: widths of the trunk's maps, finest first; `width`: channels of every level."""
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.output = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        for layer in [*self.lateral, *self.output]:
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_l, H_l, W_l), finest first -> levels (N, width, H_l, W_l), finest first."""
        top = self.lateral[-1](maps[-1])
        levels = [self.output[-1](top)]
        for i in range(len(maps) - 2, -1, -1):
            top = self.lateral[i](maps[i]) + nn.functional.interpolate(top, scale_factor=2.0, mode="nearest")
            levels.insert(0, self.output[i](top))
        return levels


def level_of(boxes: Tensor) -> Tensor:
    """Pyramid level (0 = finest) that a box is read from, by its size.

    A box of 96 px a side or more is read from stride 16, of 192 px or more from stride 32, so that a box spans
    about 6 to 12 cells (equation 1 of Lin et al., 2017, with another base).

    Args:
        boxes: (N, 4) xyxy input pixels.

    Returns:
        (N,) int64.
    """
    side = torch.sqrt((boxes[:, 2] - boxes[:, 0]).clamp(min=1) * (boxes[:, 3] - boxes[:, 1]).clamp(min=1))
    return (side >= 96).long() + (side >= 192).long()


class PyramidPool(nn.Module):
    """RoIAlign (He et al., 2017) of every box from the one level that suits its size."""

    def __init__(self, size: int) -> None:
        """`size`: cells a side of the pooled maps."""
        super().__init__()
        self.size = size

    def forward(self, levels: dict[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """Pool boxes of a batch; the call that torchvision's heads make.

        Args:
            levels: name to map (B, C, H_l, W_l), finest first.
            boxes: for each picture (N_b, 4) xyxy input pixels.
            shapes: sizes of the pictures; not needed, the strides are known.

        Returns:
            (sum N_b, C, size, size).
        """
        batch = torch.cat([torch.full_like(b[:, :1], i) for i, b in enumerate(boxes)])
        return self.pool(list(levels.values()), torch.cat([batch, torch.cat(boxes)], 1))

    def pool(self, levels: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Pool `rois` (N, 5), each (index in the batch, x0, y0, x1, y1)."""
        level = level_of(rois[:, 1:])
        pieces, rows = [], []
        for i, (features, stride) in enumerate(zip(levels, STRIDES, strict=True)):
            chosen = torch.nonzero(level == i)[:, 0]
            pieces.append(roi_align(features, rois[chosen], self.size, 1.0 / stride, 2, aligned=False))
            rows.append(chosen)
        return torch.cat(pieces)[torch.argsort(torch.cat(rows))]
