"""Values of annotation files, checked: numbers, boxes, landmarks, paths. What is wrong raises `Broken`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from training.datasets.records import Box
from training.datasets.report import Broken

_FARTHEST = 1e6  # pixels; no coordinate of a picture is larger


def number(value: Any, what: str) -> float:
    """A finite number of a sensible size; strings of digits, as CSV and text files have them, count."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Broken(f"{what} is {_short(value)}, not a number")
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise Broken(f"{what} is {_short(value)}, not a number") from None
    if not math.isfinite(result) or abs(result) > _FARTHEST:
        raise Broken(f"{what} is {_short(value)}")
    return result


def integer(value: Any, what: str, low: int = 0, high: int = 2**53) -> int:
    """A whole number from `low` to `high`."""
    if isinstance(value, str) and value.strip().lstrip("+-").isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Broken(f"{what} is {_short(value)}, not a whole number")
    if not low <= value <= high:
        raise Broken(f"{what} is {_short(value)}, outside {low} to {high}")
    return value


def text(value: Any, what: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise Broken(f"{what} is {_short(value)}, not a text")
    return value


def table(value: Any, what: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Broken(f"{what} is {_short(value)}, not an object")
    return value


def sequence(value: Any, what: str) -> Sequence[Any]:
    """A JSON list."""
    if not isinstance(value, list):
        raise Broken(f"{what} is {_short(value)}, not a list")
    return value


def box_xyxy(values: Any) -> Box:
    """A box given by two corners; one without area is broken."""
    x0, y0, x1, y1 = _four(values)
    if x1 <= x0 or y1 <= y0:
        raise Broken(f"the box {[x0, y0, x1, y1]} has no area")
    return x0, y0, x1, y1


def box_xywh(values: Any) -> Box:
    """A box given by a corner and its size; one without area is broken."""
    x, y, width, height = _four(values)
    if width <= 0 or height <= 0:
        raise Broken(f"the box {[x, y, width, height]} (x, y, width, height) has no area")
    return x, y, x + width, y + height


def _four(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) != 4:
        raise Broken(f"the box is {_short(values)}, not four numbers")
    return tuple(number(v, "a side of the box") for v in values)


def landmarks(values: Any) -> tuple[tuple[float, float, int], ...]:
    """Landmarks as COCO writes them: [x1, y1, v1, x2, ...] with visibilities 0, 1, 2."""
    flat = sequence(values, "landmarks")
    if len(flat) % 3:
        raise Broken(f"landmarks has {len(flat)} numbers, not a multiple of three")
    return tuple(
        (number(x, "a landmark"), number(y, "a landmark"), integer(v, "a landmark's visibility", 0, 2))
        for x, y, v in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    )


def inside(folder: Path, name: str) -> Path:
    """The path of a file that an annotation names; names that lead out of the folder are refused."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        raise Broken(f"names the file {_short(name)}, which is not inside its folder")
    return folder.joinpath(*parts)


def _short(value: Any) -> str:
    shown = repr(value)[:61] if not isinstance(value, int) or abs(value) < 10**60 else "a huge number"
    return shown if len(shown) <= 60 else shown[:57] + "..."
