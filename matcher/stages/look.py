"""Looks: the colours, the pattern, the cut and the detector's attributes of each garment, averaged over its track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.describe import LOOK, keywords, matches, measure
from matcher.attributes.of_garment import attributes_of, is_described
from matcher.boxes import crop_square, mask_on_crop
from matcher.errors import ConfigError
from matcher.stages.models import image_of
from matcher.stages.per_track import PerTrack
from matcher.types import Frame, Garments

CROP = 128  # pixels
VIEWS = 6  # of a track that are measured; more change the words hardly ever


class Seen:
    """What was measured of one track."""

    def __init__(self, numbers: int = LOOK) -> None:
        """Nothing yet; a view will have so many numbers."""
        self.total = np.zeros(numbers, np.float32)
        self.weight = 0.0
        self.views = 0

    def add(self, look: NDArray[np.float32], quality: float) -> None:
        """Take one view (numbers,)."""
        self.total += look * max(quality, 1e-3)
        self.weight += max(quality, 1e-3)
        self.views += 1

    @property
    def mean(self) -> NDArray[np.float32]:
        """(numbers,) weighted by quality."""
        return self.total / max(self.weight, 1e-9)


class Look(PerTrack[Seen]):
    """Measures the rows that are due, a few times for each track, and writes each track's mean to all its rows."""

    def __init__(self, expire_s: float = 5.0, attributes: int = 0) -> None:
        """Forget a track that is not seen for `expire_s` seconds; the detector has so many attributes."""
        super().__init__(lambda: Seen(LOOK + attributes), expire_s)
        self._numbers = LOOK + attributes

    def __call__(self, frame: Frame, garments: Garments) -> Garments:
        """Fill `look` where there are masks, and smooth `attributes` where there are such.

        Args:
            frame: the picture and its time.
            garments: needs track_id, quality, due and type_probs; mask and attributes as there are, those of the rows
                that are due.
        """
        means = np.zeros((len(garments), self._numbers), np.float32)
        for row, number in enumerate(garments.track_id):
            seen = self._of(int(number), frame.time)
            if garments.due[row] and seen.views < VIEWS:
                seen.add(self._view(frame, garments[row]), float(garments.quality[row]))
            means[row] = seen.mean
        self._expire(frame.time)
        columns = {"look": means[:, :LOOK]} if garments.has("mask") else {}
        if self._numbers > LOOK and garments.has("attributes"):
            columns["attributes"] = means[:, LOOK:]
        return garments.with_columns(**columns)

    def _view(self, frame: Frame, garment: Garments) -> NDArray[np.float32]:
        view = np.zeros(self._numbers, np.float32)
        if garment.has("mask"):
            view[:LOOK] = look_of(frame.image, garment)
        if self._numbers > LOOK:
            view[LOOK:] = garment.attributes[0]
        return view


def look_of(image: NDArray[np.uint8], garment: Garments) -> NDArray[np.float32]:
    """The look (LOOK,) of one garment of a picture (H, W, 3) uint8 BGR; `garment` is of length 1 and has a mask."""
    box = garment.xyxy[0]
    crop = crop_square(image, box, CROP, 0.0)
    return measure(crop, mask_on_crop(garment.mask[0], box, CROP, 0.0), garment.type_name)


def with_looks(frame: Frame | NDArray[np.uint8], garments: Garments) -> Garments:
    """Fill `look` of the garments of a single picture; they need mask and type_probs."""
    looks = [look_of(image_of(frame), one) for one in garments]
    return garments.with_columns(look=np.array(looks, np.float32).reshape(-1, LOOK))


def keywords_of(garment: Garments) -> list[str]:
    """The keywords of a `Garments` of length 1; none where its look was not measured."""
    return keywords(garment.type_name, attributes_of(garment)) if is_described(garment) else []


def having(garments: Garments, wanted: Sequence[str]) -> Garments:
    """The garments whose keywords are all of these; all garments where nothing is wanted.

    Raises:
        ConfigError: looks were not measured, so that nothing can be said.
    """
    if not wanted:
        return garments
    if len(garments) and not is_described(garments):
        raise ConfigError("keywords need attributes and masks; leave --no-masks away, or set attributes = true")
    return garments[np.array([matches(keywords_of(one), list(wanted)) for one in garments], bool)]
