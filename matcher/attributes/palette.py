"""The colour names that analysts and shoppers use, with samples of each."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Name -> samples as sRGB. The first is the one to show; others are what cameras make of it in light and shade.
SAMPLES: dict[str, tuple[str, ...]] = {
    "black": ("1c1c1e", "2a2829", "101012"),
    "grey": ("8b8c8f", "55565a", "6e6f72", "a9aaad", "bdbec0", "3f4043"),
    "white": ("f4f4f2", "e2e3e4", "d3d5d8"),
    "cream": ("efe6cf", "e4dcc6"),
    "beige": ("d4bd98", "c9b495", "b8a68c"),
    "camel": ("b8894f", "a67b4f"),
    "brown": ("6b4529", "4d3524", "3a2a20", "8a5f3f"),
    "red": ("c3242b", "9f2026", "dd4a45"),
    "burgundy": ("6a1c2e", "561a26", "7c2f3f"),
    "orange": ("e6752a", "cf6a2c", "a84c2c", "f09a5a"),
    "yellow": ("eec63f", "cc982b", "f3dd84"),
    "green": ("3f8a46", "2b5d3a", "22462f", "7fb98a", "aad6bb"),
    "olive": ("6b6636", "57562f", "858052"),
    "teal": ("1f7a7c", "2f6670", "59a5a5"),
    "light blue": ("93bbdf", "a9c4de", "7fa3c9", "bfd3e6"),
    "blue": ("2c60ab", "426081", "56779f", "2f4a8f", "4a7fd0"),
    "navy": ("1f2b4d", "2a3550", "161d33"),
    "purple": ("66397f", "4a2c60", "8c66a8", "b79bcb"),
    "pink": ("eba4ba", "d07f92", "e8738f", "f3cdd6", "d23c78"),
}
COLOURS = tuple(SAMPLES)


def _bgr(text: str) -> tuple[int, int, int]:
    return int(text[4:6], 16), int(text[2:4], 16), int(text[0:2], 16)


def lab(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB (N, 3) float32 (L 0..100, a and b about -100..100, D65) of sRGB colours (N, 3) uint8 BGR."""
    return cv2.cvtColor((bgr.reshape(1, -1, 3) / np.float32(255)), cv2.COLOR_BGR2LAB)[0]


SHOWN: dict[str, tuple[int, int, int]] = {name: _bgr(samples[0]) for name, samples in SAMPLES.items()}
_NAME_OF = np.array([i for i, samples in enumerate(SAMPLES.values()) for _ in samples])
_LAB = lab(np.array([_bgr(text) for samples in SAMPLES.values() for text in samples], np.uint8))


def nearest(colours: NDArray[np.float32]) -> NDArray[np.int64]:
    """The place in `COLOURS` (N,) of the name nearest to each CIELAB colour (N, 3)."""
    apart = np.linalg.norm(colours[:, None] - _LAB[None], axis=2)
    return _NAME_OF[apart.argmin(1)]
