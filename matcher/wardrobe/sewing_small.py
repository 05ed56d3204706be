"""Pictures of the parts of shoes, hats, glasses, bags and belts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.wardrobe.canvas import Canvas
from matcher.wardrobe.emblem import print_emblem
from matcher.wardrobe.fabric import Fabric, shine
from matcher.wardrobe.noise import stream
from matcher.wardrobe.palette import dye
from matcher.wardrobe.product import Product
from matcher.wardrobe.raster import Material

METAL = np.array([120, 168, 186], np.float32)


def _material(canvas: Canvas, fabric: Fabric, relief: float = 1.0) -> Material:
    return Material(canvas.picture(), shine(fabric), relief)


def _plain(colour: np.ndarray, gloss: float) -> Material:
    picture = np.full((16, 16, 4), 128, np.uint8)
    picture[..., :3] = np.clip(colour, 0, 255)
    return Material(picture, gloss, 0.0)


def _shoe(product: Product, density: float) -> dict[str, Material]:
    """The upper's picture runs from heel (v = 0) to toe (v = 1), its middle column over the instep."""
    rng, details = stream(product.seed, "shoe"), product.details
    canvas = Canvas(product.fabric, 0.30, 0.27, density)
    canvas.fold(rng, (4, 4), 14, np.exp(-(((canvas.rows() - 0.68) / 0.1) ** 2)))
    accent = dye(product.fabric.dyes[1]) if rng.random() < 0.5 else canvas.base * 0.6
    if "toe cap" in details:
        canvas.band(0.225, 0.05, product.accent)
    if "swoosh" in details:
        for x in (0.07, 0.23):
            canvas.line((x, 0.08), (x + 0.02 * np.sign(0.15 - x), 0.19), accent, 0.014, 10)
        canvas.line((0.02, 0.03), (0.28, 0.03), accent, 0.03)
    if "saddle" in details:
        canvas.line((0.08, 0.165), (0.22, 0.165), canvas.base * 0.75, 0.03, 16)
    if "laces" in details:
        _laces(canvas, rng)
    canvas.seam((0.05, 0.11), (0.11, 0.12))
    canvas.seam((0.19, 0.12), (0.25, 0.11))
    canvas.seam((0.10, 0.20), (0.20, 0.20))
    parts = {
        "shoe": _material(canvas, product.fabric),
        "sole": _material(Canvas(product.accent, 0.6, 0.04, density), product.accent),
    }
    shaft = Canvas(product.fabric, 0.30, max(0.05, product.cut.hem), density)
    shaft.fold(rng, (4, 3), 22, 1.0, 0.3)
    if "laces" in details:
        _laces_up(shaft)
    shaft.hem(0.006)
    parts["shaft"] = _material(shaft, product.fabric)
    return parts


def _laces(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.polygon([(0.125, 0.06), (0.175, 0.06), (0.168, 0.185), (0.132, 0.185)], canvas.base * 0.85)
    colour = np.array([228, 230, 232]) if rng.random() < 0.6 else np.array([36, 36, 40])
    for y in np.arange(0.09, 0.185, 0.017):
        canvas.line((0.128, y), (0.172, y + 0.004), colour, 0.006, 26)


def _laces_up(canvas: Canvas) -> None:
    for y in np.arange(0.015, canvas.length, 0.022):
        canvas.line((0.13, y), (0.17, y + 0.008), np.array([60, 90, 120]), 0.005, 24)
        canvas.line((0.17, y), (0.13, y + 0.008), np.array([60, 90, 120]), 0.005, 24)


def _hat(product: Product, density: float) -> dict[str, Material]:
    details, rng = product.details, stream(product.seed, "hat")
    crown = Canvas(product.fabric, 0.58, 0.20, density)
    crown.fold(rng, (3, 7), 12)
    if "peak" in details:
        for x in np.arange(0.045, 0.58, 0.0967):
            crown.seam((x, 0), (x, 0.2), 0.75)
    if "badge" in details:
        colours = [dye(product.fabric.dyes[1]), dye(product.fabric.dyes[2])]
        print_emblem(crown, product.emblem, product.seed, colours, (0.29, 0.125), 0.075)
    if "ribbon" in details:
        crown.band(0.155, 0.045, product.accent)
    brim = Canvas(product.accent if "peak" in details else product.fabric, 0.6, 0.12, density)
    for y in (0.025, 0.05, 0.075, 0.1):
        brim.stitches((0, y), (0.6, y), brim.base * 0.82)
    turned = Canvas(product.accent if rng.random() < 0.4 else product.fabric, 0.6, 0.07, density)
    return {
        "crown": _material(crown, product.fabric),
        "brim": _material(brim, product.fabric),
        "turn-up": _material(turned, product.fabric),
    }


def _glasses(product: Product, density: float) -> dict[str, Material]:
    rng = stream(product.seed, "glasses")
    frame = dye(product.fabric.dyes[0])
    tint = [np.array([34, 30, 30]), np.array([30, 40, 58]), np.array([60, 40, 30])][int(rng.integers(3))]
    lens = tint if "dark" in product.details else np.array([215, 212, 208])
    return {"frame": _plain(frame, 0.5), "lens": _plain(lens, 0.9)}


def _bag(product: Product, density: float) -> dict[str, Material]:
    details, rng = product.details, stream(product.seed, "bag")
    body = Canvas(product.fabric, 0.44, 0.34, density)
    body.fold(rng, (3, 4), 22, body.rows())
    thread = body.base * 1.25 if body.base.mean() < 120 else body.base * 0.75
    for y in (0.012, 0.328):
        body.stitches((0, y), (0.44, y), thread)
    for x in (0.012, 0.428):
        body.stitches((x, 0), (x, 0.34), thread)
    if "logo" in details:
        print_emblem(
            body, product.emblem, product.seed, [dye(name) for name in product.fabric.dyes[1:]], (0.22, 0.18), 0.2
        )
    if "flap" in details:
        body.polygon([(0, 0), (0.44, 0), (0.44, 0.15), (0.36, 0.2), (0.08, 0.2), (0, 0.15)], body.base * 1.04, 14)
        for start, end in (((0, 0.15), (0.08, 0.2)), ((0.08, 0.2), (0.36, 0.2)), ((0.36, 0.2), (0.44, 0.15))):
            body.seam(start, end, 0.5)
        body.polygon([(0.195, 0.18), (0.245, 0.18), (0.245, 0.215), (0.195, 0.215)], METAL, 30)
    if "backpack" in details or "holdall" in details:
        body.pocket(0.09, 0.16, 0.26, 0.15)
        body.line((0.03, 0.07), (0.41, 0.07), METAL * 0.8, 0.006, 20)
    if "handbag" in details:
        body.disc((0.22, 0.22), 0.016, METAL, 30)
    strap = Canvas(product.accent, 0.05, 0.5, density)
    strap.stitches((0.008, 0), (0.008, 0.5), thread)
    strap.stitches((0.042, 0), (0.042, 0.5), thread)
    return {"bag": _material(body, product.fabric), "strap": _material(strap, product.accent)}


def _belt(product: Product, density: float) -> dict[str, Material]:
    width = product.cut.ease
    strap = Canvas(product.fabric, 1.0, width, max(density, 600))
    for y in (0.005, width - 0.005):
        strap.stitches((0, y), (1.0, y), strap.base * 1.3, 0.006)
    for x in np.arange(0.56, 0.70, 0.026):
        strap.disc((x, width / 2), 0.0028, np.array([20, 20, 20]), -40)
    strap.line((0.0, 0.001), (1.0, 0.001), strap.base * 0.6, 0.002)
    strap.line((0.0, width - 0.001), (1.0, width - 0.001), strap.base * 0.6, 0.002)
    rng = stream(product.seed, "buckle")
    metal = METAL if rng.random() < 0.5 else np.array([176, 178, 180])
    return {"belt": _material(strap, product.fabric), "buckle": _plain(metal, 0.6)}


SMALL_PARTS: dict[str, Callable[[Product, float], dict[str, Material]]] = {
    "shoe": _shoe,
    "hat": _hat,
    "glasses": _glasses,
    "bag": _bag,
    "belt": _belt,
}
