"""Pictures of figures, drawn with OpenCV: curves, a confusion matrix, reliability, sheets of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError

Image = NDArray[np.uint8]

_INK, _PALE, _RIGHT, _WRONG = (60, 50, 40), (225, 225, 225), (90, 160, 40), (60, 60, 210)
# Colours that people who see few colours can tell apart (Okabe and Ito), BGR.
_COLOURS = ((178, 114, 0), (0, 94, 213), (115, 158, 0), (167, 121, 204), (0, 159, 230), (233, 180, 86), (66, 228, 240))
_COLOURS += ((120, 40, 90), (80, 80, 80), (40, 80, 120), (150, 150, 60))
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SIDE, _LEFT, _TOP, _RIGHT_PAD, _BOTTOM = 420, 64, 40, 210, 52


def save(path: Path, image: Image) -> Path:
    """Write a picture, .png or .jpg.

    Raises:
        InputError: the folder or the name's ending will not do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(path), image)
    except (cv2.error, OSError):
        written = False
    if not written:
        raise InputError(f"cannot write the picture {path}; give a folder that exists and a name in .png or .jpg")
    return path


def write(image: Image, at: tuple[int, int], text: str, scale: float = 0.42, colour: Sequence[int] = _INK) -> None:
    """Put text on a picture, in place; `at` is its lower left corner (x, y). OpenCV has ASCII letters only."""
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, _FONT, scale, tuple(colour), 1, cv2.LINE_AA)


def curves(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, across: str, up: str) -> Image:
    """Lines in the unit square with a legend.

    Args:
        lines: name to xs and ys, 0..1.
        title: over it.
        across, up: names of the axes.
    """
    image = _axes(title, across, up)
    for i, (name, (xs, ys)) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        points = np.array([_place(x, y) for x, y in zip(xs, ys, strict=True)], np.int32)
        if len(points):
            cv2.polylines(image, [points], False, colour, 2, cv2.LINE_AA)
        y = _TOP + 16 + 20 * i
        cv2.line(image, (_LEFT + _SIDE + 12, y - 4), (_LEFT + _SIDE + 32, y - 4), colour, 2, cv2.LINE_AA)
        write(image, (_LEFT + _SIDE + 38, y), name)
    return image


def reliability(table: Sequence[Mapping[str, Any]], ece: float) -> Image:
    """Accuracy over confidence: bars of the bins, a line where both are equal; paler bars have fewer answers."""
    image = _axes(f"Reliability, ECE {ece:.3f}", "confidence", "accuracy")
    most = max((row["count"] for row in table), default=1)
    for row in table:
        low, high = _place(row["from"], 0), _place(row["to"], row["accuracy"])
        strength = 0.25 + 0.75 * row["count"] / most
        colour = [int(255 - (255 - c) * strength) for c in _COLOURS[0]]
        cv2.rectangle(image, (low[0] + 1, high[1]), (high[0] - 1, low[1]), colour, -1)
    cv2.line(image, _place(0, 0), _place(1, 1), _INK, 1, cv2.LINE_AA)
    write(image, (_LEFT + _SIDE + 12, _TOP + 16), f"{sum(r['count'] for r in table)} answers")
    return image


def confusion_picture(matrix: NDArray[np.integer], names: Sequence[str], title: str = "Confusion") -> Image:
    """Rows are the truth, columns what was said; shades and numbers are per cent of the row."""
    cell, left, top = 46, 150, 130
    count = len(names)
    image = np.full((top + cell * count + 30, left + cell * count + 30, 3), 255, np.uint8)
    write(image, (12, 24), f"{title}: rows are the truth, columns the answer, per cent of a row", 0.45)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    for i in range(count):
        write(image, (12, top + cell * i + 28), names[i][:18])
        _upright(image, (left + cell * i + 10, top - 6), names[i][:12])
        for j in range(count):
            share = float(shares[i, j])
            tone = _RIGHT if i == j else _WRONG
            colour = [int(255 - (255 - c) * min(share * 1.2, 1.0)) for c in tone]
            corner = (left + cell * j, top + cell * i)
            cv2.rectangle(image, corner, (corner[0] + cell - 2, corner[1] + cell - 2), colour, -1)
            if matrix[i, j]:
                write(
                    image,
                    (corner[0] + 8, corner[1] + 28),
                    f"{100 * share:.0f}",
                    0.42,
                    _INK if share < 0.6 else (255,) * 3,
                )
    return image


def sheet(rows: Sequence[tuple[Image, Sequence[tuple[Image, bool]]]], title: str, side: int = 120) -> Image:
    """Answers to look at: in each row what was asked, then what was found, best first, framed green if it is right.

    Args:
        rows: query, and its answers with whether each is right.
        title: over it.
        side: of a tile in pixels.
    """
    columns = 1 + max((len(answers) for _, answers in rows), default=0)
    gap, top = 8, 36
    image = np.full((top + (side + gap) * max(len(rows), 1), columns * (side + gap) + 2 * gap, 3), 255, np.uint8)
    write(image, (gap, 24), title, 0.5)
    for r, (query, answers) in enumerate(rows):
        y = top + r * (side + gap)
        image[y : y + side, gap : gap + side] = tile(query, side)
        for c, (answer, right) in enumerate(answers):
            x = (c + 1) * (side + gap) + 2 * gap
            image[y : y + side, x : x + side] = tile(answer, side)
            cv2.rectangle(image, (x, y), (x + side - 1, y + side - 1), _RIGHT if right else _WRONG, 3)
    return image


def embedding_map(vectors: NDArray[np.floating], labels: Sequence[str], title: str) -> Image:
    """Embeddings in a plane: their two directions of largest variance (PCA), a dot each, coloured by label.

    Args:
        vectors: (N, D).
        labels: of each.
        title: over it.
    """
    image = _axes(title, "first direction", "second direction", numbers=False)
    names = sorted(set(labels))
    for i, name in enumerate(names):
        write(image, (_LEFT + _SIDE + 30, _TOP + 16 + 18 * i), name[:20])
        cv2.circle(image, (_LEFT + _SIDE + 18, _TOP + 12 + 18 * i), 5, _COLOURS[i % len(_COLOURS)], -1, cv2.LINE_AA)
    for (x, y), label in zip(_plane(vectors), labels, strict=True):
        colour = _COLOURS[names.index(label) % len(_COLOURS)]
        cv2.circle(image, _place(x, y), 3, colour, -1, cv2.LINE_AA)
    return image


def _plane(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Coordinates (N, 2) in 0.02..0.98."""
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, 0)
    _, directions = np.linalg.eigh(centred.T @ centred)  # rising order
    flat = centred @ directions[:, :-3:-1]
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    span = np.maximum(np.abs(flat).max(0), 1e-12)
    return 0.5 + 0.48 * flat / span


def tile(image: Image, side: int) -> Image:
    """A picture fitted into a white square."""
    scale = side / max(image.shape[:2])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    square = np.full((side, side, 3), 255, np.uint8)
    y, x = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square[y : y + small.shape[0], x : x + small.shape[1]] = small
    return square


def _place(x: float, y: float) -> tuple[int, int]:
    return _LEFT + round(float(x) * _SIDE), _TOP + _SIDE - round(float(y) * _SIDE)


def _axes(title: str, across: str, up: str, numbers: bool = True) -> Image:
    image = np.full((_TOP + _SIDE + _BOTTOM, _LEFT + _SIDE + _RIGHT_PAD, 3), 255, np.uint8)
    write(image, (_LEFT, 24), title, 0.5)
    for i in range(6):
        share = i / 5
        cv2.line(image, _place(share, 0), _place(share, 1), _PALE, 1)
        cv2.line(image, _place(0, share), _place(1, share), _PALE, 1)
        if numbers:
            write(image, (_place(share, 0)[0] - 10, _TOP + _SIDE + 18), f"{share:.1f}", 0.38)
            write(image, (_LEFT - 32, _place(0, share)[1] + 4), f"{share:.1f}", 0.38)
    cv2.rectangle(image, _place(0, 1), _place(1, 0), _INK, 1)
    write(image, (_LEFT + _SIDE // 2 - 40, _TOP + _SIDE + 40), across)
    _upright(image, (14, _TOP + _SIDE // 2 + 30), up)
    return image


def _upright(image: Image, at: tuple[int, int], text: str) -> None:
    """Text that reads upwards from `at` (x of its left edge, y of its lower end), in place."""
    plain = text.encode("ascii", "replace").decode()
    (width, height), below = cv2.getTextSize(plain, _FONT, 0.42, 1)
    lying = np.full((height + below, width, 3), 255, np.uint8)
    write(lying, (0, height), plain)
    standing = np.rot90(lying)
    x, y = at[0], max(at[1] - width, 0)
    part = standing[: image.shape[0] - y, : image.shape[1] - x]
    image[y : y + part.shape[0], x : x + part.shape[1]] = np.minimum(
        image[y : y + part.shape[0], x : x + part.shape[1]], part
    )
