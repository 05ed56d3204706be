"""Settings of the training of the box head alone. Defaults live here and nowhere else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from training.data.config import DataConfig
from training.loop import LoopConfig
from training.settings import to_table


@dataclass(frozen=True)
class BoxHeadConfig:
    """One training run.

    Attributes:
        start: checkpoint, or bundle ("tiny"), of a detector; all but its box head stays as it is.
        cache: folder for the pooled boxes, about a megabyte a picture.
        composed: pictures that are looked at.
        processes: that compose them, one thread each.
        proposals: of a picture, more than at test: boxes that are nearly right teach too.
        most_background: boxes without a garment of a picture, at most.
        width: of the head; a wider one than the start's begins as it is, with units that add nothing yet.
        batch: boxes of a step.
    """

    start: str = "tiny"
    seed: int = 1
    cache: Path = Path("runs/pooled")
    composed: int = 7000
    processes: int = 2
    proposals: int = 100
    most_background: int = 32
    width: int = 512
    batch: int = 512
    data: DataConfig = field(default_factory=DataConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=4000, rate=4e-4, warmup=50, ema=0.998))

    def pooled_key(self, model: nn.Module) -> str:
        """Says what the pooled boxes are made of: pictures, and the weights that look at them."""
        digest = hashlib.sha256()
        for name, value in model.state_dict().items():
            if ".box_head." not in name and ".box_predictor." not in name and ".mask_" not in name:
                digest.update(value.numpy().tobytes())
        made_of = {
            name: value
            for name, value in to_table(self).items()
            if name in ("seed", "composed", "processes", "proposals", "most_background", "data")
        }
        return f"{digest.hexdigest()} {json.dumps(made_of, sort_keys=True)}"
