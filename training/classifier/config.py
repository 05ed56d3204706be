"""Settings of the type classifier's training, read from TOML. Defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.data.garment_crops import DRAWN, FLAT, PACKSHOT, PHOTO, TRYON, WORN
from training.loop import LoopConfig
from training.mixture import GarmentData

LABELLED = "labelled"  # rows of photos that a detector labelled


def _weights() -> dict[str, float]:
    return {WORN: 1.0, TRYON: 1.0, LABELLED: 0.7, FLAT: 0.6, PHOTO: 0.8, PACKSHOT: 0.3, DRAWN: 0.6}


@dataclass(frozen=True)
class TypesConfig:
    """One training run.

    Attributes:
        network: one of `training.classifier.networks.NETWORKS`; all but "mobilenetv2" start from random weights.
        types: names of the types that it can tell apart; empty = all. Others are not trained on.
        weights: ImageNet trunk (.npz).
        detector: checkpoint of a detector whose trunk to start from in place of ImageNet's; may be empty.
        start: checkpoint, or bundle ("tiny"), whose weights to start from; may be empty.
        device: "cpu" or "cuda".
        amp: mixed precision (bfloat16), on a GPU.
        size, margin: of the crops.
        batch: crops of a step.
        weight: how much the classifier counts against the detector, 0..1; goes into the card.
        smoothing: of the labels.
        frozen_blocks: so many first blocks of the trunk take no gradient.
        strength: 0..1, how often crops are made hard to read.
        alone: 0..1, how often a garment comes as a picture cut to its box.
        kinds: how much each kind of row counts when rows are drawn.
        pictures: kind of row to a folder of annotated pictures (`training.data.store.Store`) to cut such rows out of.
    """

    network: str = "mobilenetv2"
    types: tuple[str, ...] = ()
    weights: Path = Path("../shared/weights/mobilenet_v2_imagenet.npz")
    detector: str = ""
    start: str = ""
    device: str = "cpu"
    amp: bool = False
    seed: int = 1
    size: int = 96
    margin: float = 0.08
    batch: int = 66
    weight: float = 0.7
    smoothing: float = 0.1
    frozen_blocks: int = 7
    strength: float = 0.5
    alone: float = 0.5
    kinds: dict[str, float] = field(default_factory=_weights)
    pictures: dict[str, str] = field(default_factory=dict)
    data: GarmentData = field(default_factory=GarmentData)
    loop: LoopConfig = field(default_factory=LoopConfig)
