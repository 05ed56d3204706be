"""Classes of another project's detector, and which garment type each of them is.

A mapping file is a taxonomy, a TOML table `[types]` of type = list of class names, and may have a list `names` of all
classes in the detector's order, for ONNX files that do not hold them:

    names = ["person", "sneaker", "sun hat"]

    [types]
    footwear = ["sneaker"]
    hats = ["sun hat"]
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import ConfigError
from matcher.taxonomy import TYPE_IDS, TYPES, load_taxonomy, type_of

_MOST_TEXT = 100_000  # characters of metadata that are parsed
_MOST_CLASSES = 2_000
_SHOWN = 100  # names that an error lists
_LONGEST = 40


@dataclass(frozen=True)
class Classes:
    """The classes of a detector.

    Attributes:
        names: in the detector's order.
        types: (C,) type id of each; -1 = no garment, left out.
    """

    names: tuple[str, ...]
    types: NDArray[np.int64]

    @classmethod
    def of(cls, names: Sequence[str], path: Path | None = None) -> Classes:
        """Map class names to types. Names of types map to themselves.

        Args:
            names: those in the ONNX file; empty = it holds none.
            path: mapping file; classes that it does not name are left out. None = every class must have a name that
                the packaged taxonomy knows.

        Raises:
            ConfigError: there are no names, a name is unknown, or none is a garment; the message lists the names.
        """
        known = _stated_names(path) or tuple(names)
        if not known:
            raise ConfigError('the ONNX file holds no class names; list them in a mapping file: names = ["...", ...]')
        if names and len(names) != len(known):
            raise ConfigError(f"{path} lists {len(known)} names, the ONNX file has {len(names)}: {_listed(names)}")
        taxonomy = None if path is None else {**load_taxonomy(path), **{name: name for name in TYPES}}
        types = [type_of(name, taxonomy) for name in known]
        _refuse_unmapped(known, types, path)
        return cls(known, np.array([-1 if name is None else TYPE_IDS[name] for name in types], np.int64))

    def to_types(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (C, N) of classes as scores (N, T) of types: the best class of a type speaks for it."""
        result = np.zeros((len(TYPES), scores.shape[1]), np.float32)
        for type_id in np.unique(self.types[self.types >= 0]):
            result[type_id] = scores[self.types == type_id].max(0)
        return result.T


def parse_names(text: str) -> tuple[str, ...]:
    """Class names from the metadata of an ONNX file: a literal list, or dict of number to name. () where there is none.

    Raises:
        ConfigError: the text is something else; it is never run as code.
    """
    if not text:
        return ()
    try:
        value = ast.literal_eval(text) if len(text) <= _MOST_TEXT else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    names = _in_order(value)
    if not names or len(names) > _MOST_CLASSES or not all(isinstance(name, str) for name in names):
        raise ConfigError("the class names in the ONNX file cannot be read; list them in a mapping file: names = [...]")
    return tuple(names)


def _in_order(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Mapping) and set(value) == set(range(len(value))):
        return [value[i] for i in range(len(value))]
    return []


def _stated_names(path: Path | None) -> tuple[str, ...]:
    """The names that a mapping file lists; () where it lists none."""
    if path is None:
        return ()
    try:
        names = tomllib.loads(path.read_text(encoding="utf-8")).get("names", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the mapping {path}: {error}") from error
    if not isinstance(names, list) or len(names) > _MOST_CLASSES or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{path}: names must be a list of texts, one for each class of the detector, in its order")
    return tuple(names)


def _refuse_unmapped(names: Sequence[str], types: Sequence[str | None], path: Path | None) -> None:
    unknown = [name for name, found in zip(names, types, strict=True) if found is None]
    if path is not None and len(unknown) == len(names):
        raise ConfigError(f"{path} maps none of the detector's classes, which are {_listed(names)}")
    if path is None and unknown:
        raise ConfigError(
            f"no garment type is known for the classes {_listed(unknown)}; map them in a file, and leave out those"
            " that are no garments (see docs/detectors.md)"
        )


def _listed(names: Sequence[str]) -> str:
    """Names on one line. They come from a file of unknown origin, so nothing but what can be printed is shown."""
    shown = ["".join(c if c.isprintable() else "?" for c in name[:_LONGEST]) for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown) + more
