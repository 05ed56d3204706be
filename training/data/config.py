"""Settings of the training data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DataConfig:
    """What pictures are made of.

    Attributes:
        root: folder of the data sets (`ccp`, `clothing`).
        cache: folder for packed copies of them, made at first use.
        drawn_count: scenes of the wardrobe renderer, drawn at first use; 0 for none.
        pseudo: a store of pseudo-labelled photos (`training.data.pseudo`), or empty for none.
        height: pixels that photos are stored at.
        portrait, wide: (height, width) of the two kinds of canvas.
        mix: how often each kind of picture is made; kinds of `training.data.mix`.
    """

    root: Path = Path("../shared/data")
    cache: Path = Path("runs/cache")
    drawn_count: int = 0
    pseudo: str = ""
    height: int = 640
    portrait: tuple[int, int] = (448, 320)
    wide: tuple[int, int] = (352, 640)
    mix: dict[str, float] = field(default_factory=lambda: {"photo": 1.0})
