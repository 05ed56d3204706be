"""Pairs from video: one track at different times is one garment in different folds, light and size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from matcher.boxes import paste_mask
from matcher.bundle import Bundle
from matcher.config import PipelineConfig
from matcher.pipeline import Pipeline
from matcher.types import Frame, Garments
from matcher.video.open import open_video
from training.data.garment_crops import TRAIN, WORN, Garment, Row, cut, mask_box

MOST = 8  # views of a track; more of them would be too much alike
_LEAST = 2
_MIN_SIDE = 24  # pixels


def clip_garments(folder: Path, bundle: str | None = None, split: str = TRAIN) -> Iterator[Garment]:
    """Cut the garments of every track out of the clips in a folder.

    Args:
        folder: of video files; sub-folders are not looked at.
        bundle: weights of the detector, a folder or a packaged name; the packaged tiny one when None.
        split: that the rows are marked with.

    Yields:
        Rows of kind `WORN`, two to `MOST` of one identity, spread over the track's life.

    Raises:
        VideoError: a file is no video.
    """
    pipeline = Pipeline(PipelineConfig(), None, Bundle.open(bundle))
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        pipeline.reset()
        views: dict[int, list[Garment]] = defaultdict(list)
        with open_video(path) as video:
            for frame in video:
                for track, garment in _views(frame, pipeline(frame), path.stem, split):
                    views[track].append(garment)
        for seen in views.values():
            if len(seen) >= _LEAST:
                yield from (seen[i] for i in np.unique(np.linspace(0, len(seen) - 1, MOST).round().astype(int)))


def _views(frame: Frame, garments: Garments, clip: str, split: str) -> Iterator[tuple[int, Garment]]:
    """The views that the tracker would have embedded, with their track ids."""
    height, width = frame.image.shape[:2]
    for i in np.flatnonzero(garments.due):
        mask = paste_mask(garments.mask[i], garments.xyxy[i], width, height).astype(np.uint8)
        if not mask.any():
            continue
        box, track = mask_box(mask), int(garments.track_id[i])
        if (box[2:] - box[:2]).min() >= _MIN_SIDE:
            yield track, cut(frame.image, mask, box, Row(WORN, split, int(garments.type_id[i]), f"clip-{clip}-{track}"))
