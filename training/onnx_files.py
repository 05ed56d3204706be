"""Writing torch modules as ONNX files for bundles: export, halved weights, parity."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 18
# Below this size a tensor is not worth a cast (shapes, anchors, biases).
_HALVED_ELEMENTS = 512


def export_module(
    module: nn.Module,
    inputs: Sequence[Tensor],
    path: Path,
    names: tuple[Sequence[str], Sequence[str]],
    dynamic: dict[str, dict[int, Any]],
    half: bool = True,
) -> None:
    """Write a module to an ONNX file.

    Args:
        module: in evaluation mode, on the CPU.
        inputs: example inputs.
        path: file to write.
        names: names of the inputs and of the outputs.
        dynamic: for each input of `forward`, axis to `torch.export.Dim`.
        half: store large weights as float16; they are cast back to float32 when the session loads.
    """
    with warnings.catch_warnings(), torch.no_grad():
        # torchvision still calls a name that torch has since replaced.
        warnings.simplefilter("ignore", FutureWarning)
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            tuple(inputs),
            dynamo=True,
            dynamic_shapes=dynamic,
            input_names=list(names[0]),
            output_names=list(names[1]),
            opset_version=OPSET,
            verbose=False,
        )
    graph = program.model_proto
    if half:
        halve_weights(graph)
    _forget_origin(graph)
    onnx.checker.check_model(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.SerializeToString())


def precision(half: bool) -> str:
    """How weights are stored, in the card's words."""
    return "fp16" if half else "fp32"


def halve_weights(graph: onnx.ModelProto) -> None:
    """Store large float32 initialisers as float16 with a cast in front of their use, in place.

    onnxruntime folds the casts when it loads the file, so this costs nothing at run time.
    """
    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _HALVED_ELEMENTS:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    for i, node in enumerate(casts):
        graph.graph.node.insert(i, node)


def _forget_origin(graph: onnx.ModelProto) -> None:
    # The exporter notes source paths of this machine on every node; a shipped file should not carry them.
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        del value.metadata_props[:]
