"""Single pictures by their times: the very frames that reading the whole video gives."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import MediaError
from matcher.video.moments import pictures_at
from matcher.video.open import open_video
from tests.clips import CLIPS, encode


@pytest.mark.parametrize("kind", ["constant", "variable", "rotated", "late_start", "mkv", "mpegts", "webm"])
def test_pictures_are_those_of_the_whole_video(kind: str, tmp_path: Path) -> None:
    clip = CLIPS[kind](tmp_path)
    with open_video(clip.path) as video:
        frames = {frame.timestamp: frame.image for frame in video}
    asked = list(frames)[::3] + list(frames)[-1:]
    found = dict(pictures_at(clip.path, reversed(asked)))
    assert list(found) == sorted(set(asked))
    for time, image in found.items():
        assert np.array_equal(image, frames[time])


def test_far_moments_are_sought_and_absent_ones_left_out(tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mp4", list(range(400)), Fraction(1, 10))
    with open_video(path) as video:
        frames = {frame.timestamp: frame.image for frame in video if frame.index in (3, 150, 151, 399)}
    absent = [Fraction(1, 3), Fraction(77, 9), Fraction(1000)]
    found = dict(pictures_at(path, [*frames, *absent]))
    assert list(found) == sorted(frames)
    assert all(np.array_equal(found[time], image) for time, image in frames.items())


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for path in (tmp_path / "text.mp4", tmp_path / "absent.mp4"):
        with pytest.raises(MediaError):
            list(pictures_at(path, [Fraction(0)]))
