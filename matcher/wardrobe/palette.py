"""Named dye colours, skin tones and hair colours (all BGR, 0..255)."""

from __future__ import annotations

import numpy as np

DYES: dict[str, tuple[int, int, int]] = {
    "black": (32, 30, 30),
    "charcoal": (68, 62, 60),
    "grey": (140, 136, 134),
    "silver": (190, 188, 186),
    "white": (238, 240, 240),
    "cream": (204, 224, 236),
    "beige": (158, 188, 208),
    "camel": (92, 138, 184),
    "tan": (84, 122, 164),
    "brown": (44, 62, 92),
    "chocolate": (30, 40, 60),
    "navy": (78, 44, 30),
    "blue": (170, 96, 44),
    "sky": (222, 186, 140),
    "mid-blue": (128, 92, 66),
    "teal": (122, 116, 30),
    "mint": (188, 214, 168),
    "green": (70, 122, 46),
    "olive": (58, 92, 96),
    "forest": (48, 70, 32),
    "yellow": (60, 196, 236),
    "mustard": (42, 150, 204),
    "orange": (40, 116, 228),
    "rust": (44, 76, 168),
    "red": (44, 36, 190),
    "burgundy": (46, 28, 104),
    "coral": (106, 118, 236),
    "pink": (186, 164, 236),
    "rose": (138, 122, 206),
    "lilac": (204, 164, 186),
    "purple": (128, 56, 98),
}
LEATHERS = ("black", "brown", "tan", "chocolate", "camel", "burgundy", "white", "navy")
SKIN = (
    (196, 214, 242),
    (170, 196, 232),
    (150, 178, 218),
    (124, 156, 202),
    (98, 132, 182),
    (74, 104, 154),
    (56, 80, 122),
    (44, 62, 94),
)
HAIR = (
    (22, 20, 20),
    (30, 32, 40),
    (34, 46, 66),
    (44, 66, 98),
    (66, 104, 148),
    (112, 160, 200),
    (40, 64, 128),
    (150, 150, 150),
    (200, 202, 204),
)


def dye(name: str) -> np.ndarray:
    """BGR of a named dye as (3,) float32."""
    return np.array(DYES[name], np.float32)


def contrasting(rng: np.random.Generator, name: str, least: float = 60.0) -> str:
    """Name of a dye at least `least` grey levels away from `name` in luminance or hue."""
    base = dye(name)
    far = [other for other in DYES if float(np.abs(dye(other) - base).max()) >= least]
    return str(rng.choice(far))
