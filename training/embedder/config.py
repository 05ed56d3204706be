"""Settings of the embedder's training, read from TOML. Defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.embedder.collapse import CollapseLimits
from training.embedder.model import EmbedderModelConfig
from training.loop import LoopConfig
from training.mixture import GarmentData


@dataclass(frozen=True)
class EmbedderConfig:
    """One training run.

    Attributes:
        weights: ImageNet trunk (.npz).
        detector: checkpoint of a detector whose trunk to start from in place of ImageNet's; may be empty.
        start: checkpoint, or bundle ("tiny"), whose weights to start from; may be empty.
        device: "cpu" or "cuda".
        amp: mixed precision (bfloat16), on a GPU.
        loss: one of `training.embedder.losses.LOSSES`.
        classes: garments that a loss with proxies has a vector for; 0 = as many as the data has.
        memory: shop views of past batches that worn garments are told apart from; 0 for none.
        memory_after: steps before they count.
        colourways: share of a batch that is dyed, see `training.embedder.colourway`.
        one_source: share of batches whose first half is all rendered or all photographed.
        own: share of pairs of a garment with itself where it was also tried on.
        garments: different garments in a batch; each is seen in two views.
        train_size: side of the training crops in pixels; may be less than the model's own size, to save time.
        frozen_blocks: so many first blocks of the trunk take no gradient.
        collapse: when to give up.
    """

    weights: Path = Path("../shared/weights/mobilenet_v2_imagenet.npz")
    detector: str = ""
    start: str = ""
    device: str = "cpu"
    amp: bool = False
    seed: int = 1
    loss: str = "info_nce"
    classes: int = 0
    memory: int = 0
    memory_after: int = 300
    colourways: float = 0.25
    one_source: float = 0.0
    own: float = 0.25
    garments: int = 96
    train_size: int = 128
    frozen_blocks: int = 11
    model: EmbedderModelConfig = field(default_factory=EmbedderModelConfig)
    collapse: CollapseLimits = field(default_factory=CollapseLimits)
    data: GarmentData = field(default_factory=GarmentData)
    loop: LoopConfig = field(default_factory=LoopConfig)
