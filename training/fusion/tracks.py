"""Tracks with truth: the views of one garment over time and the gallery that it is looked for in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError

# Columns of `Track.measures`: those of matcher.stages.quality.Measures, then the mask's certainty 0..1.
MEASURES = ("side", "sharpness", "score", "whole", "clear", "certainty")


@dataclass(frozen=True)
class Track:
    """One garment's views in order of time.

    Attributes:
        embeddings: (V, D) float32, L2-normalised.
        qualities: (V,) float32 0..1 as the matcher measures them.
        measures: (V, len(MEASURES)) float32, what quality may be made of.
        times: (V,) float64 seconds.
        type_probs: (T,) float32, the track's types at its end.
        wanted: gallery row of the product that is worn; -1 = not in the gallery.
    """

    embeddings: NDArray[np.float32]
    qualities: NDArray[np.float32]
    measures: NDArray[np.float32]
    times: NDArray[np.float64]
    type_probs: NDArray[np.float32]
    wanted: int

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Gallery:
    """What is searched: embeddings (G, D) float32 L2-normalised and type ids (G,) int64, a row for each product."""

    embeddings: NDArray[np.float32]
    types: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.types)

    def joined(self, other: Gallery) -> Gallery:
        """Both galleries; rows of `other` come after."""
        return Gallery(np.concatenate([self.embeddings, other.embeddings]), np.concatenate([self.types, other.types]))


@dataclass(frozen=True)
class TrackSet:
    """Tracks and the gallery that they are looked for in."""

    tracks: Sequence[Track]
    gallery: Gallery


_FIELDS = tuple(field.name for field in fields(Track))


def save_tracks(path: Path, found: TrackSet) -> None:
    """Write a set to an .npz file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lengths = np.array([len(track) for track in found.tracks], np.int64)
    columns = {name: _joined(found.tracks, name) for name in _FIELDS}
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(file, lengths=lengths, gallery=found.gallery.embeddings, types=found.gallery.types, **columns)
    part.replace(path)


def load_tracks(path: Path) -> TrackSet:
    """Read what `save_tracks` wrote.

    Raises:
        InputError: the file is missing or is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            stored = {name: data[name] for name in ("lengths", "gallery", "types", *_FIELDS)}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} holds no tracks: {error}") from error
    ends = np.cumsum(stored["lengths"])
    starts = ends - stored["lengths"]
    tracks = [_track(stored, i, *span) for i, span in enumerate(zip(starts, ends, strict=True))]
    return TrackSet(tracks, Gallery(stored["gallery"], stored["types"]))


def _joined(tracks: Sequence[Track], name: str) -> NDArray:
    values = [getattr(track, name) for track in tracks]
    if name in ("type_probs", "wanted"):
        return np.array(values)
    return np.concatenate(values) if values else np.zeros(0)


def _track(stored: dict[str, NDArray], i: int, start: int, end: int) -> Track:
    views = {name: stored[name][start:end] for name in ("embeddings", "qualities", "measures", "times")}
    return Track(**views, type_probs=stored["type_probs"][i], wanted=int(stored["wanted"][i]))
