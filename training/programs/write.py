"""torch modules as programs: graphs that `torch.export` makes, written as data (see `matcher.runtime.program`)."""

from __future__ import annotations

import json
import operator
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from matcher.runtime.program import FORMAT, NUMBERS, OPERATIONS
from training.checkpoint import save_checkpoint
from training.loop import TrainingError

_NUMBER_NAMES = {getattr(operator, name.removeprefix("number.")): name for name in NUMBERS}
_CHECKS = ("aten._assert_tensor_metadata.default", "aten._assert_scalar.default")  # of types and sides, at export


def write_program(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    free: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    path: Path,
) -> Path:
    """Export a module and write it.

    Args:
        module: in evaluation mode, on the CPU.
        inputs: an example for each argument of `forward`, by its name, in order. Free sides need 2 or more.
        free: the sides of each input that may be of any length at run time.
        outputs: names of what `forward` returns.
        path: file to write, replaced whole.

    Raises:
        TrainingError: the module has an operation that programs may not have.
    """
    sides = {name: {side: Dim.AUTO for side in free.get(name, ())} for name in inputs}
    with torch.no_grad(), warnings.catch_warnings():
        # torchvision still calls a name that torch has since replaced.
        warnings.simplefilter("ignore", FutureWarning)
        exported = torch.export.export(module.eval(), tuple(inputs.values()), dynamic_shapes=sides)
    graph, weights = _graph(exported, tuple(inputs), tuple(outputs))
    save_checkpoint(path, {"format": FORMAT, "graph": json.dumps(graph), "weights": weights})
    return path


def _graph(
    exported: ExportedProgram, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    names, weights = _sources(exported, inputs)
    steps: list[list[Any]] = []
    results: list[Any] = []
    for node in exported.graph.nodes:
        if node.op == "output":
            results = [_plain(one, names) for one in node.args[0]]
        elif node.op == "call_function" and str(node.target) not in _CHECKS:
            names[node] = f"step:{len(steps)}"
            steps.append([_name(node), _plain(list(node.args), names), _plain(dict(node.kwargs), names)])
    return {"inputs": inputs, "outputs": outputs, "steps": steps, "results": results}, weights


def _sources(exported: ExportedProgram, inputs: tuple[str, ...]) -> tuple[dict[Node, str], dict[str, Tensor]]:
    """Name of what each placeholder stands for, and the tensors among them by name."""
    held = {**exported.state_dict, **exported.constants}
    names: dict[Node, str] = {}
    weights: dict[str, Tensor] = {}
    left = iter(inputs)
    placeholders = [node for node in exported.graph.nodes if node.op == "placeholder"]
    for node, spec in zip(placeholders, exported.graph_signature.input_specs, strict=True):
        if spec.kind == InputKind.USER_INPUT:
            names[node] = f"input:{next(left)}"
        else:
            names[node] = f"weight:{spec.target}"
            weights[spec.target] = held[spec.target].detach().contiguous()
    return names, weights


def _name(node: Node) -> str:
    name = _NUMBER_NAMES.get(node.target, str(node.target))
    if name not in OPERATIONS and name not in NUMBERS:
        raise TrainingError(f"programs may not have the operation {name}; see matcher/runtime/program.py")
    return name


def _plain(value: Any, names: Mapping[Node, str]) -> Any:
    if isinstance(value, Node):
        return {"kind": "ref", "name": names[value]}
    if isinstance(value, list | tuple):
        return [_plain(one, names) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one, names) for name, one in value.items()}
    if isinstance(value, torch.device):
        return {"kind": "device"}
    for kind in (torch.dtype, torch.layout, torch.memory_format):
        if isinstance(value, kind):
            return {"kind": kind.__name__, "name": str(value).removeprefix("torch.")}
    return value
