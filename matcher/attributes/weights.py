"""The small linear models behind the words; `training.attributes` fits them (`asworn train attributes`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

FILE = "weights.npz"


@dataclass(frozen=True)
class Linear:
    """Softmax regression.

    Attributes:
        mean: (F,) float32 of each feature, taken off.
        scale: (F,) float32 that it is then divided by.
        weight: (F, C) float32.
        bias: (C,) float32.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def chances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (C,) of the classes for features (F,)."""
        logits = ((features - self.mean) / self.scale).clip(-6, 6) @ self.weight + self.bias
        raised = np.exp(logits - logits.max())
        return (raised / raised.sum()).astype(np.float32)


@cache
def linear(name: str) -> Linear:
    """The model of that name out of the packaged file."""
    with (
        resources.as_file(resources.files("matcher.attributes").joinpath(FILE)) as path,
        np.load(path, allow_pickle=False) as stored,
    ):
        return Linear(*(stored[f"{name}.{part}"] for part in ("mean", "scale", "weight", "bias")))
