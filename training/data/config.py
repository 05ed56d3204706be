"""Settings of the training data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DataConfig:
    """What pictures are made of.

    Attributes:
        set: name of a public data set to train on (`training.datasets.registry.SETS`); empty for our own sources.
        root: folder of that data set, or of our own sources (`ccp`, `clothing`).
        cache: folder for packed copies of them, made at first use.
        limit: pictures of each source at most, spread over it; 0 = all.
        box_masks: take filled boxes for masks where the data set has boxes alone.
        square: bring pictures of the data set to `height` x `height`, as older work did.
        drawn_count: scenes of the wardrobe renderer, drawn at first use; 0 for none.
        drawn_products: product photos of the renderer, drawn at first use; 0 for none.
        dressed: street photos with people in other clothes, made at first use; 0 for none.
        pseudo: a store of pseudo-labelled photos (`training.data.pseudo`), or empty for none.
        height: pixels that photos are stored at.
        portrait, wide: (height, width) of the two kinds of canvas.
        mix: how often each kind of picture is made; kinds of `training.data.mix`.
    """

    set: str = ""
    root: Path = Path("../shared/data")
    cache: Path = Path("runs/cache")
    limit: int = 0
    box_masks: bool = False
    square: bool = False
    drawn_count: int = 0
    drawn_products: int = 0
    dressed: int = 0
    pseudo: str = ""
    height: int = 640
    portrait: tuple[int, int] = (448, 320)
    wide: tuple[int, int] = (352, 640)
    mix: dict[str, float] = field(default_factory=lambda: {"photo": 1.0})
