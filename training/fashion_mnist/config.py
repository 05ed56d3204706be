"""Settings of a Fashion-MNIST run, read from TOML. Defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.loop import LoopConfig


@dataclass(frozen=True)
class FashionMnistConfig:
    """One training run.

    Attributes:
        root: folder of the data set, as idx.gz files or npz.
        network: one of `training.fashion_mnist.models.NETWORKS`.
        device: "cpu" or "cuda".
        amp: mixed precision (bfloat16), on a GPU.
        batch: pictures of a step.
        schedule: "cosine" or "one-cycle" (up to the peak over `loop.warmup` steps and down to `loop.final` in a line).
        smoothing: of the labels.
        dropout: in front of the last layer of our network.
        flip: share of the pictures that are mirrored.
        shift: pixels that pictures are moved by at most.
        erase: share of the pictures of which a rectangle is replaced by noise.
        mixup: largest share of a second picture that is mixed in; 0 = none.
        views: of a test picture whose answers are averaged: 1 as it is, 2 mirrored too, 10 also moved by a pixel.
        limit: pictures trained on at most; 0 = all.
    """

    root: Path = Path("../shared/data/fashion_mnist")
    network: str = "conv1"
    device: str = "cpu"
    amp: bool = False
    seed: int = 1
    batch: int = 128
    schedule: str = "cosine"
    smoothing: float = 0.0
    dropout: float = 0.0
    flip: float = 0.0
    shift: int = 0
    erase: float = 0.0
    mixup: float = 0.0
    views: int = 1
    limit: int = 0
    loop: LoopConfig = field(default_factory=LoopConfig)
