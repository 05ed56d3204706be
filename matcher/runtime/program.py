"""Models as data for torch: a graph of named operations in JSON, and its weights. Nothing in the file is code.

`torch.export.load` unpickles, and a TorchScript file may call anything that its interpreter knows; neither is fit for
weights that somebody sent. This form keeps a graph that `torch.export` made, as a list of calls; a call that is not in
`OPERATIONS` is refused. Written by `training.programs.write`.
"""

from __future__ import annotations

import json
import operator
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision  # noqa: F401 - registers its operations
from torch import Tensor

from matcher.errors import BundleError

FORMAT = 1
SUFFIX = ".program"
_MOST_STEPS = 100_000
# Pure functions of tensors and numbers; none reads or writes a file, or sees anything but what it is given.
OPERATIONS = frozenset(
    f"aten.{name}"
    for name in """
    __and__.Tensor abs.default adaptive_avg_pool2d.default add.Tensor add_.Tensor amax.default amin.default
    arange.default arange.start_step argmax.default avg_pool2d.default batch_norm.default bmm.default cat.default
    clamp.default clamp_min.default clone.default contiguous.default conv2d.default conv_transpose2d.input
    div.Tensor dropout.default eq.Scalar eq.Tensor exp.default expand.default expand_as.default flatten.using_ints
    flip.default floor.default full.default full_like.default gather.default gelu.default gt.Scalar gt.Tensor
    hardsigmoid.default hardswish.default hardtanh.default hardtanh_.default index.Tensor layer_norm.default
    linalg_vector_norm.default linear.default log2.default lt.Scalar lt.Tensor matmul.default max.dim
    max_pool2d.default maximum.default mean.default mean.dim minimum.default mul.Tensor neg.default
    norm.ScalarOpt_dim ones_like.default permute.default pow.Tensor_Scalar pow.Tensor_Tensor reciprocal.default
    relu.default relu6.default relu6_.default relu_.default reshape.default rsqrt.default rsub.Scalar select.int
    sigmoid.default silu.default silu_.default slice.Tensor softmax.int softplus.default split_with_sizes.default
    sqrt.default squeeze.dim stack.default sub.Tensor sum.dim_IntList sym_size.int tanh.default to.dtype
    topk.default transpose.int unflatten.int unsqueeze.default upsample_bilinear2d.vec upsample_nearest2d.vec
    view.default where.ScalarOther where.self zeros.default zeros_like.default
    """.split()
) | {"torchvision.roi_align.default"}
# On the sides of arrays.
NUMBERS: Mapping[str, Callable[..., Any]] = {
    f"number.{name}": getattr(operator, name) for name in ("add", "sub", "mul", "floordiv", "mod", "neg", "getitem")
}
_SPECIAL = {"dtype": torch.dtype, "layout": torch.layout, "memory_format": torch.memory_format}


class Program:
    """A model read from a file: tensors in, tensors out. Runs where its weights are.

    Attributes:
        inputs: names, in order.
        outputs: names, in order.
    """

    def __init__(self, graph: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu") -> None:
        """Take a graph as `read_program` found it.

        Raises:
            KeyError, TypeError, ValueError: the graph is none, or has an operation that is not allowed.
        """
        self.inputs, self.outputs = tuple(graph["inputs"]), tuple(graph["outputs"])
        self._device = torch.device(device)
        self._weights = {f"weight:{name}": _placed(value, self._device) for name, value in weights.items()}
        if len(graph["steps"]) > _MOST_STEPS:
            raise ValueError(f"it has {len(graph['steps'])} steps")
        known = {*self._weights, *(f"input:{name}" for name in self.inputs)}
        self._steps = []
        for number, (name, args, kwargs) in enumerate(graph["steps"]):
            call = (_operation(name), self._read(args, known), self._read(kwargs, known))
            self._steps.append(call)
            known.add(f"step:{number}")
        self._results = self._read(graph["results"], known)
        self._spent = self._last_uses()

    def __call__(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Run on one tensor for each input; gives one for each output."""
        known: dict[str, Any] = {**self._weights}
        known |= {f"input:{name}": value for name, value in zip(self.inputs, values, strict=True)}
        for number, (call, args, kwargs) in enumerate(self._steps):
            known[f"step:{number}"] = call(*_filled(args, known), **_filled(kwargs, known))
            for name in self._spent[number]:
                del known[name]
        return tuple(_filled(self._results, known))

    def _read(self, value: Any, known: set[str]) -> Any:
        """A value of the file with its references checked, and what JSON has no word for put in."""
        if isinstance(value, list):
            return [self._read(one, known) for one in value]
        if not isinstance(value, dict):
            return value
        kind = value.get("kind")
        if kind == "ref":
            if value["name"] not in known:
                raise ValueError(f"{value['name']} is used before it is there")
            return _Ref(value["name"])
        if kind == "device":
            return self._device
        if kind in _SPECIAL:
            found = getattr(torch, value["name"], None)
            if not isinstance(found, _SPECIAL[kind]):
                raise ValueError(f"torch has no {kind} {value['name']}")
            return found
        return {name: self._read(one, known) for name, one in value.items()}

    def _last_uses(self) -> list[list[str]]:
        """For each step the earlier steps' results that nothing needs after it."""
        last: dict[str, int] = {}
        for number, (_, args, kwargs) in enumerate(self._steps):
            last |= {name: number for name in (f"step:{number}", *_names([args, kwargs])) if name.startswith("step:")}
        kept = set(_names(self._results))
        spent: list[list[str]] = [[] for _ in self._steps]
        for name, number in last.items():
            if name not in kept:
                spent[number].append(name)
        return spent


def read_program(path: Path, device: str = "cpu") -> Program:
    """Read a program onto a device.

    Raises:
        BundleError: the file is missing, damaged, of another form, or asks for an operation that is not allowed.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != FORMAT:
            raise ValueError(f"it has format {state['format']}")
        return Program(json.loads(state["graph"]), state["weights"], device)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BundleError(f"{path} is no program that can be run ({reason}); export it with this version") from error


class _Ref(str):
    """Name of a value that is there when the program runs."""


def _operation(name: str) -> Callable[..., Any]:
    if name in NUMBERS:
        return NUMBERS[name]
    if name not in OPERATIONS:
        raise ValueError(f"the operation {name} is not allowed")
    space, packet, overload = name.split(".")
    return getattr(getattr(getattr(torch.ops, space), packet), overload)


def _placed(value: Tensor, device: torch.device) -> Tensor:
    """On the device; filters of convolutions channels-last, which is what it runs fastest."""
    if value.dim() == 4:
        return value.to(device, memory_format=torch.channels_last)
    return value.to(device)


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, _Ref):
        return known[value]
    if isinstance(value, list):
        return [_filled(one, known) for one in value]
    if isinstance(value, dict):
        return {name: _filled(one, known) for name, one in value.items()}
    return value


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, _Ref):
        yield str(value)
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _names(one)
