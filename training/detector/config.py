"""Settings of the detector's training. Defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.data.config import DataConfig
from training.settings import load_settings


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network.

    Attributes:
        width: channels of every pyramid level.
        anchors: anchor sizes (input pixels) of the levels at strides 8, 16, 32.
        anchor_ratios: height / width.
        proposals: boxes that reach the box head at test.
        proposal_nms: overlap above which the weaker of two proposals is dropped.
        sampled_boxes: proposals of a picture that the box loss sees; a quarter may be positive and train masks.
        box_cells, box_width: pooled size and width of the box head.
        mask_cells, mask_width, mask_convolutions: the same for masks, which come out at twice `mask_cells`.
    """

    width: int = 96
    anchors: tuple[tuple[float, ...], ...] = ((14, 28), (48, 80), (136, 240))
    anchor_ratios: tuple[float, ...] = (0.45, 1.0, 2.2)
    proposals: int = 60
    proposal_nms: float = 0.7
    sampled_boxes: int = 64
    box_cells: int = 7
    box_width: int = 256
    mask_cells: int = 14
    mask_width: int = 96
    mask_convolutions: int = 2


@dataclass(frozen=True)
class DetectorConfig:
    """One training run.

    Attributes:
        weights: ImageNet trunk (.npz).
        start: checkpoint, or bundle ("tiny"), whose weights to start from (steps begin at 0); empty for the ImageNet
            trunk alone.
        device: "cpu" or "cuda".
        processes: training processes; on a CPU one thread each, gradients are averaged.
        threads: threads of each process.
        workers: loader processes of each training process; 0 composes in line, best where cores are few.
        amp: half precision, on a GPU.
        batch: pictures of a step in each process, on portrait canvases; wide canvases take `batch_wide`.
        steps: optimiser steps in all.
        minutes: end after this time even if steps are left, with the rate lowered in time; 0 for no limit.
        rate, trunk_rate: peak learning rates.
        warmup, final: steps of linear warm-up; last rate as a share of the peak (cosine).
        save_minutes: time between checkpoints.
    """

    weights: Path = Path("../shared/weights/mobilenet_v2_imagenet.npz")
    start: str = ""
    device: str = "cpu"
    processes: int = 2
    threads: int = 1
    workers: int = 0
    amp: bool = False
    seed: int = 1
    batch: int = 4
    batch_wide: int = 3
    steps: int = 8000
    minutes: float = 0.0
    rate: float = 8e-4
    trunk_rate: float = 2.5e-4
    weight_decay: float = 0.02
    warmup: int = 150
    final: float = 0.02
    clip: float = 5.0
    ema: float = 0.998
    frozen_blocks: int = 4
    save_minutes: float = 5.0
    log_steps: int = 20
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)


def load_config(path: Path) -> DetectorConfig:
    """Read a recipe; see `training.settings.load_settings` for the errors."""
    return load_settings(DetectorConfig, path)
