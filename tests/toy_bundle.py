"""A bundle of real ONNX files whose weights are written by hand: its garments are rectangles of pure colours.

The detector finds the bounding box of each of six colours (one garment each), the classifier knows the colour's type,
the embedder maps the mean colour under the mask to a vector. So a test can draw what it wants to be seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from matcher.bundle import Bundle, write_card
from matcher.taxonomy import TYPE_IDS, TYPES

# Colour (BGR, each channel on or off) of each type that the toy detector knows.
COLOURS: dict[str, tuple[int, int, int]] = {
    "tops": (0, 0, 255),
    "pants": (255, 0, 0),
    "footwear": (0, 255, 0),
    "outerwear": (0, 255, 255),
    "bags": (255, 0, 255),
    "hats": (255, 255, 0),
}
CONFUSED = {"tops": "outerwear", "outerwear": "tops", "pants": "leggings"}
DIMENSION = 8

_DETECTOR = """
<ir_version: 8, opset_import: ["" : 17]>
detector (uint8[1,H,W,3] image) => (float[P,4] boxes, float[P,11] scores, float[1,1,1,3] p3, float[1,1,1,3] p4,
          float[1,1,1,3] p5) {
    pixels = Cast<to=1>(image)
    on_b = Greater(pixels, high)
    on = Cast<to=1>(on_b)
    off_b = Less(pixels, low)
    off = Cast<to=1>(off_b)
    on_k = Mul(on, colour)
    off_k = Mul(off, other)
    channels = Add(on_k, off_k)
    match = ReduceMin<axes=[3], keepdims=0>(channels)
    any_x = ReduceMax<axes=[1], keepdims=0>(match)
    any_y = ReduceMax<axes=[2], keepdims=0>(match)
    in_x = Greater(any_x, zero)
    in_y = Greater(any_y, zero)
    shape = Shape(image)
    h = Gather(shape, one_i)
    w = Gather(shape, two_i)
    xs_i = Range(zero_i, w, one_i)
    ys_i = Range(zero_i, h, one_i)
    xs = Cast<to=1>(xs_i)
    ys = Cast<to=1>(ys_i)
    xs1 = Add(xs, one)
    ys1 = Add(ys, one)
    x0s = Where(in_x, xs, far)
    y0s = Where(in_y, ys, far)
    x1s = Where(in_x, xs1, zero)
    y1s = Where(in_y, ys1, zero)
    x0 = ReduceMin<axes=[1]>(x0s)
    y0 = ReduceMin<axes=[1]>(y0s)
    x1 = ReduceMax<axes=[1]>(x1s)
    y1 = ReduceMax<axes=[1]>(y1s)
    raw = Concat<axis=1>(x0, y0, x1, y1)
    present = ReduceMax<axes=[1]>(any_x)
    there = Greater(present, zero)
    boxes = Where(there, raw, zero)
    scores = Mul(present, table)
    p3 = ReduceMean<axes=[1, 2]>(pixels)
    p4 = Identity(p3)
    p5 = Identity(p3)
}
"""
_MASKS = """
<ir_version: 8, opset_import: ["" : 17]>
masks (float[1,1,1,3] p3, float[1,1,1,3] p4, float[1,1,1,3] p5, float[N,4] boxes, int64[N] labels)
      => (float[N,28,28] masks) {
    first = Gather<axis=1>(boxes, zero_i)
    column = Unsqueeze(first, last_axes)
    nought = Mul(column, zero)
    masks = Add(nought, shape)
}
"""
_CLASSIFIER = """
<ir_version: 8, opset_import: ["" : 17]>
classifier (uint8[N,S,S,3] crops) => (float[N,11] probs) {
    pixels = Cast<to=1>(crops)
    on_b = Greater(pixels, high)
    on = Cast<to=1>(on_b)
    rows = Unsqueeze(on, first_axes)
    same = Equal(rows, colour)
    same_f = Cast<to=1>(same)
    match = ReduceMin<axes=[4], keepdims=0>(same_f)
    share = ReduceMean<axes=[2, 3], keepdims=0>(match)
    by_crop = Transpose<perm=[1, 0]>(share)
    logits = MatMul(by_crop, table)
    probs = Softmax<axis=1>(logits)
}
"""
_EMBEDDER = """
<ir_version: 8, opset_import: ["" : 17]>
embedder (uint8[N,S,S,3] crops, float[N,S,S] masks) => (float[N,8] embedding) {
    pixels = Cast<to=1>(crops)
    weight = Unsqueeze(masks, last_axis)
    masked = Mul(pixels, weight)
    total = ReduceSum<keepdims=0>(masked, plane)
    count = ReduceSum<keepdims=0>(weight, plane)
    safe = Add(count, one)
    mean = Div(total, safe)
    centred = Sub(mean, middle)
    projected = MatMul(centred, table)
    shifted = Add(projected, offset)
    embedding = LpNormalization<axis=1, p=2>(shifted)
}
"""


def make_bundle(folder: Path, thresholds: tuple[float, float] = (0.98, 0.9)) -> Bundle:
    """Write the toy bundle into a new folder and open it; thresholds are the calibration (exact, similar)."""
    folder.mkdir(parents=True, exist_ok=True)
    bits = np.array(list(COLOURS.values()), np.float32)[:, None, None, :] / 255
    scalars = {"zero": np.float32(0), "one": np.float32(1), "high": np.float32(200), "low": np.float32(60)}
    indexes = {"zero_i": np.int64(0), "one_i": np.int64(1), "two_i": np.int64(2)}
    _write(
        folder / "detector.onnx",
        _DETECTOR,
        {**scalars, **indexes, "far": np.float32(1e6), "colour": bits, "other": 1 - bits, "table": _scores(0.8, 0.15)},
    )
    radius = np.hypot(*np.mgrid[-1:1:28j, -1:1:28j])
    shape = np.clip(1.6 - radius, 0, 1).astype(np.float32)
    _write(
        folder / "masks.onnx",
        _MASKS,
        {"zero": np.float32(0), "zero_i": np.int64(0), "last_axes": np.array([1, 2]), "shape": shape},
    )
    _write(
        folder / "classifier.onnx",
        _CLASSIFIER,
        {"high": scalars["high"], "first_axes": np.array([0]), "colour": bits[:, None] > 0.5, "table": _scores(8, 2)},
    )
    _write(folder / "embedder.onnx", _EMBEDDER, _embedder_weights())
    write_card(folder, _card(*thresholds))
    return Bundle.open(folder)


def _scores(own: float, confused: float) -> NDArray[np.float32]:
    table = np.zeros((len(COLOURS), len(TYPES)), np.float32)
    for row, name in enumerate(COLOURS):
        table[row, TYPE_IDS[name]] = own
        if name in CONFUSED:
            table[row, TYPE_IDS[CONFUSED[name]]] = confused
    return table


def _embedder_weights() -> dict[str, NDArray]:
    table = np.linalg.qr(np.random.default_rng(3).normal(size=(DIMENSION, 3)))[0].T
    return {
        "one": np.float32(1e-3),
        "middle": np.full(3, 100, np.float32),
        "plane": np.array([1, 2]),
        "last_axis": np.array([-1]),
        "table": table.astype(np.float32),
        "offset": np.full(DIMENSION, 3, np.float32),
    }


def _write(path: Path, text: str, weights: dict[str, NDArray]) -> None:
    model = parser.parse_model(text)
    for name, value in weights.items():
        array = np.asarray(value)
        if array.dtype == bool:  # Equal compares the bits as floats
            array = array.astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array.copy(), name))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _card(exact: float, similar: float) -> dict:
    return {
        "name": "toy",
        "version": "1",
        "licence": "Apache-2.0",
        "origin": [],
        "models": {
            "detector": {
                "file": "detector.onnx",
                "mask_file": "masks.onnx",
                "types": list(TYPES),
                "input": {"short_side": 160, "max_side": 320, "stride": 32, "colour": "BGR"},
                "mask_size": 28,
                "score_threshold": 0.4,
                "nms_iou": 0.5,
                "measured": {},
            },
            "classifier": {"file": "classifier.onnx", "types": list(TYPES), "input": {"size": 32, "margin": 0.0}},
            "embedder": {
                "file": "embedder.onnx",
                "dimension": DIMENSION,
                "input": {"size": 48, "margin": 0.05, "mask": True},
                "calibration": {"exact": exact, "similar": similar},
            },
        },
    }


def paint(size: tuple[int, int], boxes: dict[str, tuple[int, int, int, int]], ground: int = 120) -> NDArray[np.uint8]:
    """Draw a picture of (width, height) with a garment (type name -> xyxy) in each box, in that type's colour."""
    image = np.full((size[1], size[0], 3), ground, np.uint8)
    for name, (x0, y0, x1, y1) in boxes.items():
        image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = COLOURS[name]
    return image
