"""Tracks of a clip become rows of one identity."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import MatcherError
from matcher.taxonomy import TYPES
from matcher.wardrobe.clip import Clip, write_clip
from matcher.wardrobe.product import make_product
from training.data.clip_garments import MOST, clip_garments


def test_a_track_gives_different_views_of_one_garment(tmp_path: Path) -> None:
    products = [make_product(f"{kind}-{n}", kind, 500_003, n) for kind in TYPES for n in range(2)]
    write_clip(tmp_path / "walk.mp4", Clip(500_003, products, size=(640, 360), seconds=2.5))
    rows = list(clip_garments(tmp_path))
    assert len(rows) > 3
    counts = Counter(garment.row.identity for garment in rows)
    assert all(2 <= count <= MOST for count in counts.values())
    assert all(name.startswith("clip-walk-") for name in counts)
    colours = defaultdict(list)
    for garment in rows:
        assert (garment.mask > 127).any()
        colours[garment.row.identity].append(garment.image[garment.mask > 127].mean(0))
    within = np.mean([np.linalg.norm(c - np.mean(c, 0), axis=1).mean() for c in map(np.array, colours.values())])
    between = np.std([np.mean(c, 0) for c in colours.values()], axis=0).mean()
    assert within < between


def test_a_file_that_is_no_video_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no clip")
    with pytest.raises(MatcherError, match="notes.txt"):
        list(clip_garments(tmp_path))
