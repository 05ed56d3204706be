"""Anchors: boxes of a few sizes and shapes around every cell of a map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Anchors (len(sizes) * len(ratios), 4) xyxy around (0, 0), not rounded; a ratio is height / width."""
    rows = []
    for size in sizes:
        for ratio in ratios:
            width = math.sqrt(size**2 / ratio)
            height = ratio * width
            rows.append((-width / 2, -height / 2, width / 2, height / 2))
    return torch.tensor(rows)


class Anchors(nn.Module):
    """The anchors of all maps. The first cell's lie around the corner of the picture, not half a cell further in."""

    def __init__(self, sizes: Sequence[Sequence[float]], ratios: Sequence[float], strides: Sequence[int]) -> None:
        """One list of sizes for each map; `strides` in pixels."""
        super().__init__()
        self._strides = tuple(strides)
        for i, level in enumerate(sizes):
            self.register_buffer(f"cell{i}", cell_anchors(level, ratios), persistent=False)
        self.per_cell = len(sizes[0]) * len(ratios)

    def of_map(self, level: int, rows: int, columns: int) -> Tensor:
        """Anchors (rows * columns * A, 4) of one map, cell by cell."""
        cell, stride = getattr(self, f"cell{level}"), self._strides[level]
        y = torch.arange(rows, device=cell.device, dtype=torch.float32) * stride
        x = torch.arange(columns, device=cell.device, dtype=torch.float32) * stride
        y, x = y[:, None].expand(rows, columns), x[None].expand(rows, columns)
        return (torch.stack([x, y, x, y], -1)[:, :, None] + cell).reshape(-1, 4)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Anchors of each map (N, C, H, W)."""
        return [self.of_map(i, m.shape[2], m.shape[3]) for i, m in enumerate(maps)]
