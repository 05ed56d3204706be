"""Settings of a run with one of the older embedders, read from TOML. Defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.embedder.collapse import CollapseLimits
from training.embedder.config import EmbedderConfig
from training.embedder.model import EmbedderModelConfig
from training.loop import LoopConfig
from training.mixture import GarmentData


@dataclass(frozen=True)
class RoundsConfig:
    """FaceNet's rounds: triplets are chosen, learnt from for some epochs, and chosen anew by the network as it is then.

    Attributes:
        epochs: of a round; an epoch is one pass through the triplets, one for each garment.
        garments: so many garments at most, spread over the data; 0 = all.
        hard: share of the negatives that are the nearest strangers; the others are random, in the first round all.
        margin: of the triplet loss, in squared Euclidean distance of unit vectors.
    """

    epochs: int = 15
    garments: int = 0
    hard: float = 0.5
    margin: float = 0.2


@dataclass(frozen=True)
class ClassicConfig:
    """One training run.

    Attributes:
        network: one of `training.embedders_classic.networks.NETWORKS`.
        method: one of `training.embedders_classic.methods.METHODS`: "none" (used as it is), "identity" (classified into
            garments, then the head is dropped), "pairs" (`loss` over pairs), "rounds" (`rounds`), "rebuild" (an
            autoencoder).
        weights: a file with VGG16's weights, as torchvision gives them; empty = random ones.
        device: "cpu" or "cuda".
        amp: mixed precision (bfloat16), on a GPU.
        depth: convolutions of the network "custom", 1 to 5.
        size: side of the crops in pixels, a multiple of 32.
        margin: of the crops, as a share of the box's longer side.
        dimension: of the embedding; VGG16 used as it is has 512.
        masked: whether what lies outside the garment's mask is faded out.
        loss: for "pairs", one of `training.embedder.losses.LOSSES`.
        classes: garments that are told apart by heads and proxies; 0 = as many as the data has.
        beta: weight of the autoencoder's divergence from a normal distribution.
        garments: different garments in a batch; each is seen in two views.
        own: share of pairs of a garment with itself where it was also tried on.
        collapse: when to give up.
        collapse_after: steps before it counts: what starts from random weights starts close together.
    """

    network: str = "custom"
    method: str = "pairs"
    weights: str = ""
    device: str = "cpu"
    amp: bool = False
    seed: int = 1
    depth: int = 3
    size: int = 64
    margin: float = 0.05
    dimension: int = 128
    masked: bool = True
    loss: str = "triplet"
    classes: int = 0
    beta: float = 1e-3
    garments: int = 32
    own: float = 0.25
    rounds: RoundsConfig = field(default_factory=RoundsConfig)
    collapse: CollapseLimits = field(default_factory=CollapseLimits)
    collapse_after: int = 300
    data: GarmentData = field(default_factory=GarmentData)
    loop: LoopConfig = field(default_factory=LoopConfig)


def as_pairs(config: ClassicConfig) -> EmbedderConfig:
    """The settings by which our embedder's batches of pairs are made, without what older work had not."""
    return EmbedderConfig(
        seed=config.seed,
        colourways=0.0,
        one_source=0.0,
        own=config.own,
        garments=config.garments,
        train_size=config.size,
        model=EmbedderModelConfig(size=config.size, margin=config.margin),
        data=config.data,
    )
