"""Makes the pieces of a product: every part's picture with its seams, pockets, buttons, prints and folds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from matcher.wardrobe.canvas import Canvas
from matcher.wardrobe.emblem import print_emblem
from matcher.wardrobe.fabric import Fabric, shine
from matcher.wardrobe.noise import stream
from matcher.wardrobe.palette import dye
from matcher.wardrobe.product import Product
from matcher.wardrobe.raster import Material
from matcher.wardrobe.sewing_small import SMALL_PARTS

NECK_TOP = 1.475
METAL = np.array([150, 168, 176], np.float32)
THREAD = np.array([70, 140, 190], np.float32)


def split_front(product: Product) -> bool:
    """Whether the body piece opens in front, so that its picture's edges meet there."""
    return product.cut.closure != ""


@lru_cache(maxsize=512)
def materials(product: Product, density: float) -> dict[str, Material]:
    """Pictures of all parts of a product.

    Args:
        product: what to make.
        density: pixels per metre of cloth.

    Returns:
        Part name to material; the names are those that the builders of the product's shape use.
    """
    makers = {"upper": _upper, "legs": _legs, "skirt": _skirt}
    if product.cut.shape in makers:
        return makers[product.cut.shape](product, density)
    return SMALL_PARTS[product.cut.shape](product, density)


def _finish(canvas: Canvas, fabric: Fabric, relief: float = 1.0) -> Material:
    return Material(canvas.picture(), shine(fabric), relief)


def _thread(product: Product, canvas: Canvas) -> np.ndarray | None:
    return THREAD if product.fabric.cloth == "denim" and canvas.base.mean() < 150 else None


def _upper(product: Product, density: float) -> dict[str, Material]:
    cut = product.cut
    parts = {
        "torso": _finish(_body_piece(product, density), product.fabric),
        "collar": _finish(_collar(product, density), product.fabric),
    }
    if cut.sleeve > 0:
        parts["sleeve"] = _finish(_sleeve(product, density), product.fabric)
    return parts


def _body_piece(product: Product, density: float) -> Canvas:
    cut, rng = product.cut, stream(product.seed, "torso")
    length = NECK_TOP - cut.hem
    canvas = Canvas(product.fabric, 1.05, length, density)
    rows = canvas.rows()
    canvas.fold(rng, (3, 7), 34, 0.5 + 0.5 * rows, 0.35)
    canvas.fold(rng, (max(2, round(9 * length)), 4), 26, np.exp(-(((rows * length - 0.38) / 0.14) ** 2)), -0.2)
    canvas.fold(rng, (2, 16), 22, np.clip(rows * 1.4 - 0.5, 0, 1))
    for name in product.details:
        if name in _BODY_DETAILS:
            _BODY_DETAILS[name](canvas, product)
    _front(canvas, product)
    if product.emblem[0]:
        _chest_print(canvas, product)
    if "rib hem" not in product.details and "waistband" not in product.details:
        canvas.hem(length - 0.004, _thread(product, canvas))
    return canvas


def _front(canvas: Canvas, product: Product) -> None:
    """Placket, buttons or zip; the piece's left and right edges meet in the middle of the front."""
    if product.cut.closure not in ("buttons", "zip"):
        return
    for edge in (0.0, canvas.width):
        canvas.line((edge, 0), (edge, canvas.length), canvas.base * 0.8, 0.003)
    if product.cut.closure == "buttons":
        canvas.stitches((0.018, 0), (0.018, canvas.length), canvas.base * 0.8)
        canvas.stitches((canvas.width - 0.018, 0), (canvas.width - 0.018, canvas.length), canvas.base * 0.8)
        _buttons(canvas, product, 0.009, 0.085)
    else:
        _zip(canvas, product)


def _buttons(canvas: Canvas, product: Product, x: float, step: float) -> None:
    rng = stream(product.seed, "buttons")
    colour = [np.array([225, 230, 232]), np.array([40, 40, 44]), canvas.base * 0.6][int(rng.integers(3))]
    for y in np.arange(0.07, canvas.length - 0.06, step):
        canvas.disc((x, y), 0.0062, canvas.base * 0.55, 8)
        canvas.disc((x, y), 0.0052, colour, 26)


def _zip(canvas: Canvas, product: Product) -> None:
    for edge in (0.004, canvas.width - 0.004):
        canvas.line((edge, 0), (edge, canvas.length), METAL * 0.8, 0.007)
        canvas.stitches((edge, 0), (edge, canvas.length), METAL * 0.45, 0.006)


def _chest_print(canvas: Canvas, product: Product) -> None:
    rng = stream(product.seed, "print")
    colours = [dye(product.fabric.dyes[1]), dye(product.fabric.dyes[2])]
    small = "small logo" in product.details or rng.random() < 0.15
    middle = canvas.width / 2
    centre = (middle + 0.07, 0.17) if small else (middle, float(rng.uniform(0.19, 0.26)))
    print_emblem(
        canvas, product.emblem, product.seed, colours, centre, 0.05 if small else float(rng.uniform(0.18, 0.27))
    )


def _front_x(canvas: Canvas, product: Product, offset: float) -> float:
    """Place `offset` metres to the wearer's left of the middle of the front."""
    if not split_front(product):
        return canvas.width / 2 + offset
    return offset if offset > 0 else canvas.width + offset


def _both(canvas: Canvas, product: Product, offset: float) -> tuple[float, float]:
    return _front_x(canvas, product, offset), _front_x(canvas, product, -offset)


def _chest_pocket(canvas: Canvas, product: Product) -> None:
    canvas.pocket(_front_x(canvas, product, 0.05), 0.16, 0.10, 0.115)


def _chest_flaps(canvas: Canvas, product: Product) -> None:
    thread = _thread(product, canvas)
    for x in _both(canvas, product, 0.11):
        canvas.pocket(x - 0.055, 0.17, 0.11, 0.05, thread)
        canvas.seam((x - 0.045, 0.22), (x - 0.03, canvas.length - 0.04))
        canvas.seam((x + 0.045, 0.22), (x + 0.03, canvas.length - 0.04))
        canvas.disc((x, 0.208), 0.007, METAL)
    canvas.seam((0, 0.165), (canvas.width, 0.165))


def _waistband(canvas: Canvas, product: Product) -> None:
    y = canvas.length - 0.04
    canvas.seam((0, y), (canvas.width, y))
    canvas.stitches((0, y + 0.006), (canvas.width, y + 0.006), canvas.base * 1.3)


def _flap_pockets(canvas: Canvas, product: Product) -> None:
    top = min(canvas.length - 0.16, 0.50)
    for x in _both(canvas, product, 0.15):
        canvas.polygon(
            [(x - 0.07, top), (x + 0.07, top), (x + 0.07, top + 0.05), (x - 0.07, top + 0.05)], canvas.base * 0.94, 12
        )
        canvas.seam((x - 0.07, top), (x + 0.07, top), 0.5)
        canvas.seam((x - 0.07, top + 0.05), (x + 0.07, top + 0.05), 0.6)


def _slant_pockets(canvas: Canvas, product: Product) -> None:
    top = canvas.length - 0.22
    for x in _both(canvas, product, 0.17):
        sign = 1 if x < canvas.width / 2 else -1
        sign = sign if split_front(product) else -sign
        canvas.line((x, top), (x + sign * 0.035, top + 0.13), canvas.base * 0.5, 0.006, -16)


def _kangaroo(canvas: Canvas, product: Product) -> None:
    middle, bottom = canvas.width / 2, canvas.length - 0.07
    points = [
        (middle - 0.10, bottom - 0.19),
        (middle + 0.10, bottom - 0.19),
        (middle + 0.16, bottom - 0.06),
        (middle + 0.16, bottom),
        (middle - 0.16, bottom),
        (middle - 0.16, bottom - 0.06),
    ]
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        canvas.seam(start, end, 0.6)


def _strings(canvas: Canvas, product: Product) -> None:
    for x in _both(canvas, product, 0.035):
        canvas.line((x, 0.03), (x + 0.006, 0.20), np.array([225, 228, 230]), 0.006, 24)


def _rib_hem(canvas: Canvas, product: Product) -> None:
    canvas.band(canvas.length - 0.06, 0.06, product.accent, ribs=True)


def _two_buttons(canvas: Canvas, product: Product) -> None:
    for y in (0.40, 0.50):
        canvas.disc((0.014, y), 0.010, canvas.base * 0.45, 26)
        canvas.line((canvas.width - 0.022, y), (canvas.width - 0.008, y), canvas.base * 0.5, 0.002)


def _double_buttons(canvas: Canvas, product: Product) -> None:
    for y in np.arange(0.26, min(0.72, canvas.length), 0.12):
        for x in _both(canvas, product, 0.07):
            canvas.disc((x, y), 0.011, canvas.base * 0.4, 26)


def _cloth_belt(canvas: Canvas, product: Product) -> None:
    canvas.band(0.40, 0.045, product.accent)
    x = _front_x(canvas, product, 0.03)
    canvas.polygon(
        [(x - 0.025, 0.395), (x + 0.025, 0.395), (x + 0.025, 0.45), (x - 0.025, 0.45)], canvas.base * 0.5, 20
    )
    canvas.polygon([(x - 0.016, 0.406), (x + 0.016, 0.406), (x + 0.016, 0.44), (x - 0.016, 0.44)], canvas.base)


def _waist_seam(canvas: Canvas, product: Product) -> None:
    canvas.seam((0, 0.415), (canvas.width, 0.415), 0.6)


def _quilting(canvas: Canvas, product: Product) -> None:
    wave = np.abs(np.sin(np.pi * np.arange(canvas.height.shape[0]) / (0.085 * canvas.density))) ** 0.6
    canvas.height += (wave * 90 - 50)[:, None]
    canvas.colour *= (0.62 + 0.38 * np.clip(wave * 1.6, 0, 1))[:, None, None]


def _front_band(canvas: Canvas, product: Product) -> None:
    for x in (0.0, canvas.width):
        canvas.line((x, 0), (x, canvas.length), canvas.base * 0.86, 0.06)
        canvas.line((abs(x - 0.03), 0), (abs(x - 0.03), canvas.length), canvas.base * 0.6, 0.002)


def _front_buttons(canvas: Canvas, product: Product) -> None:
    _buttons(canvas, product, 0.014, 0.10)


def _short_placket(canvas: Canvas, product: Product) -> None:
    x = canvas.width / 2
    for offset in (-0.016, 0.016):
        canvas.seam((x + offset, 0.0), (x + offset, 0.17))
    canvas.seam((x - 0.016, 0.17), (x + 0.016, 0.17))
    for y in (0.07, 0.11, 0.15):
        canvas.disc((x, y), 0.0055, np.array([215, 220, 222]), 24)


def _zip_pockets(canvas: Canvas, product: Product) -> None:
    for x in _both(canvas, product, 0.12):
        canvas.line((x - 0.04, 0.2), (x + 0.04, 0.18), METAL, 0.006, 18)


def _waist_cord(canvas: Canvas, product: Product) -> None:
    canvas.line((0, 0.42), (canvas.width, 0.42), canvas.base * 0.6, 0.008, -20)


_BODY_DETAILS = {
    "quilting": _quilting,
    "front band": _front_band,
    "chest pocket": _chest_pocket,
    "chest flaps": _chest_flaps,
    "waistband": _waistband,
    "flap pockets": _flap_pockets,
    "slant pockets": _slant_pockets,
    "strings": _strings,
    "kangaroo pocket": _kangaroo,
    "rib hem": _rib_hem,
    "two buttons": _two_buttons,
    "double buttons": _double_buttons,
    "cloth belt": _cloth_belt,
    "waist seam": _waist_seam,
    "front buttons": _front_buttons,
    "zip": _zip,
    "short placket": _short_placket,
    "zip pockets": _zip_pockets,
    "waist cord": _waist_cord,
}


def _sleeve(product: Product, density: float) -> Canvas:
    cut, rng = product.cut, stream(product.seed, "sleeve")
    length = 0.63 * cut.sleeve
    canvas = Canvas(product.fabric, 0.42, length, density)
    rows = canvas.rows() * cut.sleeve
    canvas.fold(rng, (max(2, round(22 * length)), 3), 36, 0.25 + np.exp(-(((rows - 0.6) / 0.13) ** 2)), 0.4)
    canvas.fold(rng, (3, 4), 24, 1.0, -0.5)
    if "quilting" in product.details:
        _quilting(canvas, product)
    if "rib cuffs" in product.details:
        canvas.band(length - 0.06, 0.06, product.accent, ribs=True)
    elif "cuffs" in product.details:
        canvas.seam((0, length - 0.06), (canvas.width, length - 0.06))
        canvas.disc((0.02, length - 0.03), 0.005, np.array([215, 220, 222]), 24)
    else:
        canvas.hem(length - 0.004, _thread(product, canvas))
    if product.emblem[0] == "stripes":
        canvas.line((canvas.width / 2, 0), (canvas.width / 2, length), dye(product.fabric.dyes[1]), 0.03)
    return canvas


def _collar(product: Product, density: float) -> Canvas:
    ribs = bool({"rib collar"} & set(product.details))
    fabric = product.accent if ribs else product.fabric
    canvas = Canvas(fabric, 0.45, 0.12, density)
    canvas.colour *= 0.97
    if ribs or product.cut.neck in ("roll", "crew", "scoop") and product.cut.shape == "upper":
        canvas.band(0.0, 0.12, fabric, ribs=True)
    else:
        canvas.stitches((0, 0.11), (0.45, 0.11), canvas.base * 0.8)
        canvas.line((0, 0.117), (0.45, 0.117), canvas.base * 0.6, 0.004)
    if "quilting" in product.details:
        canvas.height += 20 * np.sin(canvas.rows() * 9)[:, None]
    return canvas


def _legs(product: Product, density: float) -> dict[str, Material]:
    hip, leg = _hip_piece(product, density), _leg_piece(product, density)
    relief = 0.8 if product.type == "leggings" else 1.0
    return {"hip": _finish(hip, product.fabric, relief), "leg": _finish(leg, product.fabric, relief)}


def _hip_piece(product: Product, density: float) -> Canvas:
    rng = stream(product.seed, "hip")
    canvas = Canvas(product.fabric, 1.0, product.cut.waist - 0.80, density)
    rows, thread = canvas.rows(), _thread(product, canvas)
    canvas.fold(rng, (3, 9), 20, rows, 0.6)
    middle = canvas.width / 2
    band = 0.075 if "wide waistband" in product.details else 0.04
    canvas.seam((0, band), (canvas.width, band), 0.6)
    if product.type == "leggings":
        return canvas
    canvas.stitches((0, band - 0.004), (canvas.width, band - 0.004), canvas.base * 1.2 if thread is None else thread)
    canvas.seam((middle, band), (middle, canvas.length), 0.55)
    canvas.stitches(
        (middle + 0.03, band), (middle + 0.03, band + 0.12), canvas.base * 0.7 if thread is None else thread
    )
    canvas.disc((middle + 0.004, band / 2), 0.009, METAL if thread is not None else canvas.base * 0.5, 28)
    for x in np.arange(0.06, 1.0, 0.145):
        canvas.line((x, 0), (x, band + 0.006), canvas.base * 0.82, 0.010, 20)
    for sign in (-1, 1):
        x = middle + sign * 0.09
        canvas.line((x, band), (x + sign * 0.08, band + 0.09), canvas.base * 0.5, 0.004, -16)
        if "jeans" in product.details:
            canvas.pocket((0.06 if sign > 0 else 0.80), band + 0.05, 0.13, 0.13, thread)
    if "strings" in product.details:
        canvas.line((middle - 0.01, 0.02), (middle - 0.03, 0.18), np.array([225, 228, 230]), 0.006, 24)
        canvas.line((middle + 0.01, 0.02), (middle + 0.03, 0.16), np.array([225, 228, 230]), 0.006, 24)
    return canvas


def _leg_piece(product: Product, density: float) -> Canvas:
    cut, rng = product.cut, stream(product.seed, "leg")
    length = 0.84 * cut.hem
    canvas = Canvas(product.fabric, 0.52, length, density)
    rows, thread = canvas.rows() * cut.hem, _thread(product, canvas)
    stacked = 0.25 + np.exp(-(((rows - 0.52) / 0.08) ** 2)) + 1.1 * np.exp(-(((rows - 0.95) / 0.07) ** 2))
    canvas.fold(rng, (max(2, round(18 * length)), 3), 30, stacked, 0.3)
    canvas.fold(rng, (3, 5), 24, np.clip(1.2 - 2 * rows, 0.3, 1), 0.7)
    if product.fabric.cloth == "denim":
        fade = (
            1
            + 0.28
            * np.exp(-(((rows - 0.3) / 0.2) ** 2))[:, None]
            * np.exp(-(((np.linspace(-1, 1, canvas.height.shape[1])) / 0.35) ** 2))[None]
        )
        canvas.colour *= fade[..., None]
    for x in (0.13, 0.39):
        canvas.seam((x, 0), (x, length))
    if "side stripe" in product.details:
        for x in (0.13, 0.39):
            canvas.line((x, 0), (x, length), dye(product.fabric.dyes[1]), 0.028)
    if "crease" in product.details:
        canvas.line((0.26, 0.1), (0.26, length), canvas.base * 1.12, 0.003, 20)
    if "cargo pockets" in product.details:
        for x in (0.08, 0.32):
            canvas.pocket(x, 0.30, 0.13, 0.16)
    if "rib cuffs" in product.details:
        canvas.band(length - 0.05, 0.05, product.accent, ribs=True)
    elif product.type != "leggings":
        canvas.hem(length - 0.003, thread)
    return canvas


def _skirt(product: Product, density: float) -> dict[str, Material]:
    cut, rng = product.cut, stream(product.seed, "skirt")
    length = cut.waist - cut.hem
    canvas = Canvas(product.fabric, 1.05, length, density)
    rows, thread = canvas.rows(), _thread(product, canvas)
    canvas.fold(rng, (2, 12), 40 * (0.4 + min(1.0, 2 * max(0, cut.flare))), rows)
    canvas.fold(rng, (3, 6), 18, 1.0, 0.4)
    canvas.seam((0, 0.035), (1.05, 0.035), 0.6)
    if cut.pleats:
        wave = np.arange(canvas.height.shape[1]) / canvas.height.shape[1] * cut.pleats % 1
        canvas.colour *= (0.80 + 0.2 * np.clip(wave * 3, 0, 1))[None, :, None]
    if "jeans" in product.details:
        canvas.seam((0.525, 0.035), (0.525, length))
        canvas.disc((0.53, 0.018), 0.009, METAL, 28)
        for x in (0.06, 0.86):
            canvas.pocket(x, 0.08, 0.13, 0.13, thread)
    canvas.hem(length - 0.004, thread)
    return {"skirt": _finish(canvas, product.fabric)}
