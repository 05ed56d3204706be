"""Does an exported file give what its network gives? The differences go into the card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from matcher.runtime.load import load_session
from matcher.wardrobe.scene import random_scene
from training.loop import TrainingError

_BEST = 10  # scores that are compared; which of two equal boxes survives may differ
_SCENE, _SIZE = 900_000, (640, 352)  # of validation
_ALLOWED = 0.05  # of the detector; float16 weights cost a tenth of that


def parity(module: nn.Module, inputs: Sequence[Tensor], path: Path, names: Sequence[str]) -> float:
    """Largest absolute difference between a module's only output and that of its ONNX file."""
    with torch.no_grad():
        expected = module(*inputs).numpy()
    session = load_session(path, threads=1)
    got = session.run(**{name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    return float(np.abs(next(iter(got.values())) - expected).max())


def detector_parity(
    detect: nn.Module, masks: nn.Module, files: tuple[Path, Path], levels: Sequence[str]
) -> dict[str, float]:
    """Differences between a detector's two graphs and their files, on a drawn scene with people.

    Args:
        detect: picture to boxes, scores, maps.
        masks: maps, boxes and labels to masks.
        files: of both.
        levels: names of the maps, in their order.

    Returns:
        {"maps": root mean square of the difference as a share of that of the values, "scores": largest difference of
        the ten best scores, "masks": largest difference}.

    Raises:
        TrainingError: one of them is larger than rounding explains.
    """
    image = torch.from_numpy(random_scene(_SCENE, _SIZE).image.copy())[None]
    detector, heads = (load_session(path, threads=1) for path in files)
    boxes, labels = torch.tensor([[200.0, 60, 330, 240], [20, 20, 600, 330]]), torch.tensor([10, 2])
    with torch.no_grad():
        _, scores, *maps = detect(image)
        maps = maps[: len(levels)]
        wanted = masks(*maps, boxes, labels).numpy()
    found = detector.run(image=image.numpy())
    fed = {name: value.numpy() for name, value in zip(levels, maps, strict=True)}
    drawn = heads.run(**fed, boxes=boxes.numpy(), labels=labels.numpy())["masks"]
    apart = {
        "maps": max(_share(found[name], value) for name, value in fed.items()),
        "scores": _apart(_best(found["scores"]), _best(scores.numpy())),
        "masks": _apart(drawn, wanted),
    }
    for name, value in apart.items():
        if not value <= _ALLOWED:
            raise TrainingError(
                f"the exported detector's {name} differ from the network's by {value:.4f}; do not ship it"
            )
    return {name: round(value, 6) for name, value in apart.items()}


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")


def _share(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.sqrt(np.square(a - b).mean() / max(np.square(b).mean(), 1e-12)))


def _best(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sort(scores.max(1))[::-1][:_BEST]
