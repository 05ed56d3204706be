"""What is compared in a retrieval benchmark: embedders, and the baselines that they must beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.items import View
from matcher.boxes import crop_square, mask_on_crop
from matcher.bundle import Bundle
from matcher.config import SettleConfig
from matcher.errors import BackendError
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from matcher.stages.settle import Thresholds
from training.embedder.histogram import hsv_histogram

HISTOGRAM = "HSV histogram, masked"
TRUNK_BOX, TRUNK_MASKED = "ImageNet trunk, box", "ImageNet trunk, masked"
_SIZE, _MARGIN = 128, 0.05
_MEASURED = "2"  # raise it when a baseline's vectors change

Describe = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Entrant:
    """One way to describe a garment.

    Attributes:
        name: for the table.
        key: the same for the same vectors.
        embed: a view to its vector (D,) float32 of unit length.
        thresholds: of the tiers, where it has calibrated ones.
    """

    name: str
    key: str
    embed: Callable[[View], NDArray[np.float32]]
    thresholds: Thresholds | None = None


def bundle_entrant(bundle: Bundle, name: str, runtime: Runtime | None = None) -> Entrant:
    """The embedder of a bundle, with its own crops and thresholds.

    Raises:
        BundleError: it has none, or its file cannot be loaded.
    """
    embedder = Embedder(bundle, runtime)

    def embed(view: View) -> NDArray[np.float32]:
        return embedder.embed(view.image, view.xyxy[None], view.mask[None])[0]

    calibrated = "calibration" in bundle.model("embedder")
    thresholds = Thresholds.of(bundle, SettleConfig()) if calibrated else None
    return Entrant(name, bundle.embedder_hash, embed, thresholds)


def histogram() -> Entrant:
    """The masked colour histogram."""
    return _baseline(HISTOGRAM, hsv_histogram)


def baselines(data: Path) -> list[Entrant]:
    """The histogram and the untrained trunk.

    Args:
        data: as from `benchmarks.datasets.data_folder`; the trunk's weights lie beside it.

    Raises:
        BackendError: torch is missing, which runs the trunk.
        ConfigError: the trunk's weights are missing.
    """
    try:
        from training.embedder.baselines import ImageNetTrunk, describe_with
    except ImportError as error:
        raise BackendError("the baselines need torch: pip install 'asworn[train]', or --no-baselines") from error
    trunk = describe_with(ImageNetTrunk(data.parent / "weights" / "mobilenet_v2_imagenet.npz"))
    return [
        histogram(),
        _baseline(TRUNK_BOX, lambda crops, masks: trunk(crops, np.ones_like(masks))),
        _baseline(TRUNK_MASKED, trunk),
    ]


def described(name: str, key: str, describe: Describe, size: int, margin: float) -> Entrant:
    """An entrant by its description of crops and masks.

    Args:
        name: for the table.
        key: the same for the same vectors.
        describe: crops (N, size, size, 3) uint8 BGR and masks (N, size, size) float32 to unit vectors (N, D).
        size, margin: of the crops.
    """

    def embed(view: View) -> NDArray[np.float32]:
        crop = crop_square(view.image, view.xyxy, size, margin)
        mask = mask_on_crop(view.mask, view.xyxy, size, margin)
        return describe(crop[None], mask[None])[0]

    return Entrant(name, key, embed)


def _baseline(name: str, describe: Describe) -> Entrant:
    return described(name, f"{name} {_MEASURED}", describe, _SIZE, _MARGIN)


def unique(entrants: Sequence[Entrant]) -> list[Entrant]:
    """The entrants with each name once; a second one of a name gets a number."""
    seen: dict[str, int] = {}
    result = []
    for one in entrants:
        seen[one.name] = seen.get(one.name, 0) + 1
        name = one.name if seen[one.name] == 1 else f"{one.name} ({seen[one.name]})"
        result.append(Entrant(name, one.key, one.embed, one.thresholds))
    return result
