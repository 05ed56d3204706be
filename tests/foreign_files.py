"""Tiny ONNX files in the layouts that Ultralytics and RF-DETR write, with answers that a test chooses.

The class scores are the mean red, green and blue of the input, so a test can paint what is to be found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

NAMES = "{0: 'tops', 1: 'pants', 2: 'bags'}"
LOGIT = 6.0  # of mask pixels inside, its negative outside
_FLOATS = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def halves(height: int, width: int) -> NDArray[np.float32]:
    """Two maps (2, height, width): the left half and the upper half are inside."""
    maps = np.full((2, height, width), -LOGIT, np.float32)
    maps[0, :, : width // 2] = LOGIT
    maps[1, : height // 2] = LOGIT
    return maps


def write_yolo(
    path: Path,
    centred: NDArray,
    which_map: list[int],
    size: tuple[int, int] | None = (64, 64),
    names: str = NAMES,
    weights: NDArray | None = None,
    kind: str = "float",
    **metadata: str,
) -> Path:
    """A YOLO-seg file: boxes (N, 4) by centre and size in pixels of the input, each with one of the maps of `halves`.

    Args:
        path: where to.
        centred: the boxes.
        which_map: for each, 0 or 1.
        size: (height, width) of the input; None = free.
        names: metadata, as Ultralytics writes it; "" = none.
        weights: (N, 3) factors of each box's class scores; ones when None.
        kind: float or float16.
        metadata: more of it.
    """
    count = len(centred)
    sides = list(size) if size else ["height", "width"]
    values = {
        "boxes": np.asarray(centred, np.float32).T[None],
        "coefficients": np.eye(2, dtype=np.float32)[which_map].T[None],
        "maps": halves(16, 16)[None],
        "factors": (np.ones((count, 3)) if weights is None else np.asarray(weights)).T[None].astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["colour", "last"], ["column"]),
        helper.make_node("Mul", ["column", "factors"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores", "coefficients"], ["output0"], axis=1),
        helper.make_node("Identity", ["maps"], ["output1"]),
    ]
    outputs = {"output0": [1, 4 + 3 + 2, count], "output1": [1, 2, 16, 16]}
    values["last"] = np.array([2])
    _write(path, nodes, ("images", [1, 3, *sides], kind), outputs, values, {"names": names, **metadata})
    return path


def write_rfdetr(path: Path, dets: NDArray, logits: NDArray, side: int = 48) -> Path:
    """An RF-DETR-Seg file: boxes (Q, 4) as shares of the picture, logits (Q, C), and the maps of `halves` by turns."""
    values = {
        "boxes": np.asarray(dets, np.float32)[None],
        "logits": np.asarray(logits, np.float32)[None],
        "maps": halves(12, 12)[None, np.arange(len(dets)) % 2],
        "nought": np.float32(0),
    }
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nought"], ["zero"]),
        helper.make_node("Add", ["boxes", "zero"], ["dets"]),
        helper.make_node("Identity", ["logits"], ["labels"]),
        helper.make_node("Identity", ["maps"], ["masks"]),
    ]
    outputs = {"dets": [1, len(dets), 4], "labels": list(values["logits"].shape), "masks": list(values["maps"].shape)}
    _write(path, nodes, ("input", [1, 3, side, side], "float"), outputs, values, {})
    return path


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    given: tuple[str, list[int | str], str],
    outputs: dict[str, list[int]],
    values: dict[str, NDArray],
    metadata: dict[str, str],
) -> None:
    name, shape, kind = given
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, _FLOATS[kind], shape)],
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, sides) for key, sides in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: text for key, text in metadata.items() if text})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
