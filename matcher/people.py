"""Who wears what: garments in groups, one for each person, in one picture and over a video.

There is no detector of persons and nobody is recognised: garments that stand above one another are worn together, and
two outfits of different shots are taken for one person's only where they share products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import SLOTS
from matcher.types import Garments

_BODY = ("tops", "dresses", "outerwear", "pants", "skirts", "leggings")
_SAME = 0.5  # share of the narrower of two body garments that must lie beside the other's columns
_GAP = 0.6  # widest gap between two body garments of a person, in heights of the lower one
_MOSTLY = 0.6  # share of the frames with both in which two tracks must be one person's
_SHARED = 2  # products that two outfits of different shots must have in common to be one person's


def people(garments: Garments) -> NDArray[np.int64]:
    """A number for each garment of one picture (N,): equal for those of one person, from 0, by place from the left.

    Garments of the trunk and legs that stand in the same columns, without a wide gap between, are one person's; other
    things belong to the person whose middle is nearest to theirs. People behind one another are taken for one.
    """
    count = len(garments)
    if not count:
        return np.zeros(0, np.int64)
    body = np.array([name in _BODY for name in garments.type_names])
    body = body if body.any() else np.ones(count, bool)
    groups = _groups(garments.xyxy, np.flatnonzero(body))
    centres = np.array([_middle(garments.xyxy[rows]) for rows in groups])
    whose = np.zeros(count, np.int64)
    for number, rows in enumerate(groups):
        whose[rows] = number
    for i in np.flatnonzero(~body):
        whose[i] = int(np.abs(centres - _middle(garments.xyxy[i : i + 1])).argmin())
    order = np.argsort(np.argsort(centres, kind="stable"), kind="stable")
    return order[whose]


class WornTogether:
    """Collects which tracks were seen on one person, frame by frame."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._both: Counter[tuple[int, int]] = Counter()
        self._one: Counter[tuple[int, int]] = Counter()
        self._slot: dict[int, str] = {}
        self._shot: dict[int, int] = {}

    def add(self, garments: Garments, shot: int) -> None:
        """Take the next frame's garments; rows without a track are left out."""
        rows = garments[garments.track_id >= 0] if len(garments) and garments.has("type_probs") else ()
        if not len(rows):
            return
        tracks, whose = rows.track_id.tolist(), people(rows).tolist()
        for track, name in zip(tracks, rows.type_names, strict=True):
            self._slot.setdefault(track, SLOTS[name] if name != "outerwear" else name)  # worn over a top
            self._shot.setdefault(track, shot)
        for i, first in enumerate(tracks):
            for j in range(i):
                pair = min(first, tracks[j]), max(first, tracks[j])
                self._both[pair] += 1
                self._one[pair] += whose[i] == whose[j]

    def outfits(self, products: Mapping[int, Iterable[str]]) -> dict[int, int]:
        """Track -> number of its outfit, from 1 in the order of the tracks; a track alone is an outfit too.

        Args:
            products: what each track was taken for: ids of products.
        """
        groups = _Groups(self._slot)
        apart = {pair for pair, count in self._both.items() if self._one[pair] < _MOSTLY * count}
        for pair, _ in sorted(self._one.items(), key=lambda item: (-item[1], item[0])):
            if pair not in apart:
                groups.join(*pair, apart)
        merged = _across_shots(groups.members(), self._shot, products)
        order = sorted(merged, key=min)
        return {track: number for number, group in enumerate(order, 1) for track in group}


class _Groups:
    """Sets of tracks that grow together; none has two garments for one place on the body at one time."""

    def __init__(self, slots: Mapping[int, str]) -> None:
        self._slots = slots
        self._of = {track: {track} for track in slots}

    def join(self, a: int, b: int, apart: set[tuple[int, int]]) -> None:
        first, second = self._of[a], self._of[b]
        if first is second:
            return
        clash = any((min(x, y), max(x, y)) in apart for x in first for y in second)
        if clash or {self._slots[t] for t in first} & {self._slots[t] for t in second} - {"bag"}:
            return
        first |= second
        for track in second:
            self._of[track] = first

    def members(self) -> list[set[int]]:
        return list({id(group): group for group in self._of.values()}.values())


def _across_shots(
    groups: list[set[int]], shots: Mapping[int, int], products: Mapping[int, Iterable[str]]
) -> list[set[int]]:
    """Groups of different shots that have products in common, as one."""
    merged: list[tuple[set[int], set[int]]] = []
    seen_in: dict[str, set[int]] = defaultdict(set)  # product -> places in `merged`: a film has thousands of outfits
    for group in sorted(groups, key=min):
        worn = {product for track in group for product in products.get(track, ())}
        when = {shots[track] for track in group}
        shared = Counter(place for product in worn for place in seen_in[product])
        fits = [place for place, count in shared.items() if count >= _SHARED and not merged[place][1] & when]
        if fits:
            place = max(fits, key=lambda place: (shared[place], -place))
            merged[place][0].update(group)
            merged[place][1].update(when)
        else:
            place = len(merged)
            merged.append((set(group), when))
        for product in worn:
            seen_in[product].add(place)
    return [group for group, _ in merged]


def _groups(boxes: NDArray[np.float32], rows: NDArray[np.int64]) -> list[list[int]]:
    groups: list[list[int]] = []
    for row in rows:
        near = [group for group in groups if any(_together(boxes[row], boxes[other]) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([int(row), *(other for group in near for other in group)])
    return groups


def _together(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    shared = min(a[2], b[2]) - max(a[0], b[0])
    gap = max(a[1], b[1]) - min(a[3], b[3])
    lower = a if a[1] > b[1] else b
    beside = shared >= _SAME * min(a[2] - a[0], b[2] - b[0])
    return bool(beside and gap <= _GAP * max(lower[3] - lower[1], 1.0))


def _middle(boxes: NDArray[np.float32]) -> float:
    return float((boxes[:, 0].min() + boxes[:, 2].max()) / 2)
