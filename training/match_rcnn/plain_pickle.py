"""Reading pickles of NumPy arrays without running anything that is in them.

Unpickling calls whatever a file names. Here a file may name NumPy's arrays, types and scalars and plain containers
alone, and even these are not NumPy's own, whose `__setstate__` trusts what it is given: small stand-ins note what the
file says, and the arrays are made of that once it has been checked.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import ConfigError

_KINDS = frozenset("biuf")
_MOST_SIDES = 32


class _Dtype:
    """What a file says of a NumPy type."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def plain(self) -> np.dtype:
        """The type, if it is one of plain numbers."""
        if not isinstance(self.code, str) or len(self.code) > 3 or self.code[:1] not in _KINDS:
            raise pickle.UnpicklingError(f"holds values of type {self.code!r}, which are no plain numbers")
        return np.dtype((self.order if self.order in "<>" else "=") + self.code)


class _Array:
    """What a file says of a NumPy array."""

    def __init__(self, *_: Any) -> None:
        self.shape, self.dtype, self.columns, self.data = (), None, False, b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.columns, self.data = state

    def plain(self) -> NDArray[np.generic]:
        """The array, if what is said of it fits together."""
        if not isinstance(self.dtype, _Dtype) or not _is_shape(self.shape):
            raise pickle.UnpicklingError("holds a damaged array")
        dtype, data = self.dtype.plain(), _as_bytes(self.data)
        if len(data) != math.prod(self.shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"holds {len(data)} bytes for an array of shape {self.shape}")
        array = np.frombuffer(data, dtype).reshape(self.shape, order="F" if self.columns else "C")
        return np.ascontiguousarray(array.astype(dtype.newbyteorder("=")))


class _NdarrayType:
    """Stands for the class `numpy.ndarray`, which files name but need not call."""


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: Any, data: Any) -> _Array:
    return _from_buffer(data, dtype, (), "C")


def _encode(text: Any, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise pickle.UnpicklingError(f"asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes(*values: Any) -> bytes:
    # How old protocols write empty bytes.
    if values:
        raise pickle.UnpicklingError("asks for bytes of something")
    return b""


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    ("numpy", "ndarray"): _NdarrayType,
    ("numpy", "dtype"): _Dtype,
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = _Array
    _ALLOWED[f"{_package}.multiarray", "scalar"] = _scalar
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which is not let in")
        return _ALLOWED[module, name]


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle that holds NumPy arrays of numbers in plain containers; nothing else in it is touched or run.

    Raises:
        ConfigError: the file cannot be read, is damaged, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            # Files written by Python 2, as Caffe's were, hold bytes where Python 3 reads text.
            return _plain(_Unpickler(file, encoding="latin1").load())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply to be a checkpoint") from error
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError,
        ImportError, OverflowError,
    ) as error:  # fmt: skip
        raise ConfigError(f"{path} is no pickle of plain arrays: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.plain()
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(v) for v in value)
    return value


def _is_shape(shape: Any) -> bool:
    sound = isinstance(shape, tuple) and len(shape) <= _MOST_SIDES
    return sound and all(isinstance(side, int) and side >= 0 for side in shape)


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError("holds an array of objects")
    return bytes(data)
