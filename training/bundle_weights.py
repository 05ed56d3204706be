"""The networks of a bundle as they can be trained on: its ONNX files hold every weight by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from matcher.bundle import Bundle
from matcher.errors import BundleError, ConfigError

_HALF = ".half"  # weights are stored as float16 and cast inside the graph
_GEM = "gem.power"
# Model -> its files by the card's names, and what a weight's name begins with in the file and in the network.
_PARTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "detector": (("file", "model.", ""), ("mask_file", "heads.", "roi_heads.")),
    "classifier": (("file", "classifier.", ""),),
    "embedder": (("file", "", ""),),
}


def stored_weights(bundle: Bundle, part: str) -> dict[str, NDArray[np.float32]]:
    """Floating-point arrays of a bundle's model, by their names in the network it was exported from.

    Args:
        bundle: with ONNX files of ours.
        part: "detector", "classifier" or "embedder".

    Raises:
        BundleError: it has no such model, or no ONNX file of it.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for key, before, after in _PARTS[part]:
        name = bundle.model(part).get(key, "")
        if not str(name).endswith(".onnx"):
            raise BundleError(f"the {part} of {bundle.folder} is no ONNX file of ours, so its weights cannot be read")
        for one in onnx.load(bundle.path(name)).graph.initializer:
            array = numpy_helper.to_array(one)
            if array.dtype.kind == "f" and one.name.startswith(before):
                name = one.name.removesuffix(_HALF)
                found[after + name.removeprefix(before)] = np.array(array, np.float32)
    return found


def load_weights(network: nn.Module, bundle: Bundle, part: str) -> None:
    """Give a network the weights that a bundle's model has.

    Args:
        network: of the shape that the bundle's was exported from.
        bundle: with ONNX files of ours.
        part: "detector", "classifier" or "embedder".

    Raises:
        BundleError: see `stored_weights`.
        ConfigError: the network has another shape.
    """
    stored = stored_weights(bundle, part)
    for name, module in network.named_modules():
        if hasattr(module, "add_nothing") and not any(key.startswith(f"{name}.") for key in stored):
            module.add_nothing()  # newer than the bundle, which does without
            stored |= {f"{name}.{key}": value.numpy() for key, value in module.state_dict().items()}
    known = network.state_dict()
    other = [name for name, value in known.items() if name != _GEM and _shape(stored.get(name)) != value.shape]
    if other:
        raise ConfigError(f"the recipe's [model] is not that of {bundle.name}: {other[0]} differs")
    network.load_state_dict({name: torch.from_numpy(stored[name]) for name in known if name in stored}, strict=False)
    if _GEM in known and _GEM not in stored and "clamp" in stored:  # the export computes it once and for all
        network.gem.power.data.fill_(float(stored["clamp"].ravel()[0]))


def bundle_to_start_from(start: str) -> Bundle | None:
    """The bundle that a recipe's `start` names, by its folder or as a packaged one; None for a file, or nothing.

    Raises:
        ConfigError: it is neither.
    """
    if not start or Path(start).is_file():
        return None
    try:
        return Bundle.open(start)
    except BundleError as error:
        raise ConfigError(f"start = {start!r} is neither a checkpoint nor a bundle: {error}") from error


def _shape(array: NDArray[np.float32] | None) -> torch.Size | None:
    return None if array is None else torch.Size(array.shape)
