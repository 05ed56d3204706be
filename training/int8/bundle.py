"""A bundle with its networks in 8-bit integers: ONNX Runtime's static quantisation, calibrated on photos."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import onnxruntime as ort
from numpy.typing import NDArray

from matcher.bundle import Bundle, write_card
from matcher.errors import BackendError

FILES = {
    "detector": ("detector", "file"),
    "masks": ("detector", "mask_file"),
    "classifier": ("classifier", "file"),
    "embedder": ("embedder", "file"),
}  # our name -> the card's model and key
Feed = dict[str, NDArray]


def quantised(bundle: Bundle, feeds: Mapping[str, Sequence[Feed]], folder: Path) -> Bundle:
    """Write the bundle with convolutions in int8 (signed weights by channel, unsigned activations, QDQ form).

    Weights take 7 bits: processors without VNNI instructions add pairs of 16-bit products, which would overflow.

    Args:
        bundle: in floats.
        feeds: for each of `FILES` that is to be quantised, the inputs that the ranges of activations are read from.
        folder: of the new bundle.

    Raises:
        BackendError: the package onnx, which the quantisation needs, is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in feeds:
        model, key = FILES[name]
        source = bundle.path(bundle.model(model)[key])
        quantise(source, feeds[name], folder / source.name)
    made = {bundle.model(model)[key] for model, key in (FILES[name] for name in feeds)}
    for name in set(bundle.card["files"]) - made:
        shutil.copy(bundle.path(name), folder / name)
    write_card(folder, bundle.stated)
    return Bundle.open(folder)


def quantise(source: Path, feeds: Iterable[Feed], target: Path) -> None:
    """Write one ONNX file in int8; see `quantised`.

    Raises:
        BackendError: the package onnx is not installed.
    """
    try:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise BackendError(f"quantisation needs {error.name}: pip install 'asworn[train]'") from error
    folded = _folded(source, target.with_suffix(".folded.onnx"))
    how = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "quant_format": QuantFormat.QDQ}
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it asks for a preparation that `_folded` is
    try:
        nodes = ["Conv"]
        quantize_static(
            folded, target, _Reader(feeds), op_types_to_quantize=nodes, per_channel=True, reduce_range=True, **how
        )
    finally:
        logging.disable(before)
        folded.unlink()


def _folded(source: Path, target: Path) -> Path:
    """The graph with constants folded: weights stand in it as float16 that are cast, and quantisers do not see that."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), sess_options=options, providers=["CPUExecutionProvider"])
    return target


class _Reader:
    """What the quantiser asks for inputs."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        """The next inputs; None at the end."""
        return next(self._feeds, None)
