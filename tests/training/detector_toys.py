"""Two pictures that a detector can be trained on in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.config import DataConfig
from training.data.records import Annotated
from training.data.store import Store

TOP, PANTS = 10, 8


def picture(seed: int) -> Annotated:
    """A bright block (a top) over a dark one (pants) on noise, 96x64."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 130, (96, 64, 3), np.uint8)
    ids = np.zeros((96, 64), np.uint8)
    ids[10:45, 15:50], image[10:45, 15:50] = 1, (30, 60, 240)
    ids[45:90, 20:45], image[45:90, 20:45] = 2, (200, 40, 20)
    return Annotated(image, ids, (TOP, PANTS))


def toy_data(folder: Path) -> DataConfig:
    """The settings of two such pictures, which are put into a folder as all sources."""
    root, cache = folder / "data", folder / "cache"
    (root / "ccp").mkdir(parents=True)
    (root / "ccp" / "instances.json").write_text("{}")
    pictures = [(f"{i}", picture(i)) for i in range(2)]
    for name in ("ccp_96", "backgrounds_96", "garments"):
        Store.write(cache / name, pictures)
    return DataConfig(root=root, cache=cache, height=96, portrait=(96, 64), wide=(64, 96), mix={"photo": 1.0})
