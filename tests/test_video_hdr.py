"""High dynamic range against the exact transform of the standards, on colours that cloth has."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from matcher.video.hdr import BT2020, PQ, to_standard
from matcher.video.open import open_video

TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # RGB, linear
HLG, BT709 = 18, 1
COLOURS = [(20, 20, 20), (120, 120, 120), (170, 170, 170), (150, 60, 50), (40, 90, 60), (50, 60, 140), (160, 140, 90)]


def to_linear(coded: np.ndarray) -> np.ndarray:
    return np.where(coded < 0.081, coded / 4.5, ((coded + 0.099) / 1.099) ** (1 / 0.45))


def to_pq(nits: np.ndarray) -> np.ndarray:
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def as_pq(rgb: tuple[int, int, int]) -> np.ndarray:
    """The 8-bit BGR code in PQ and BT.2020 of a BT.709 colour whose white is 203 cd/m2."""
    linear = TO_2020 @ to_linear(np.array(rgb) / 255)
    return np.round(to_pq(linear * 203) * 255).astype(np.uint8)[::-1]


@pytest.mark.parametrize("rgb", COLOURS)
def test_colours_of_cloth_come_back(rgb: tuple[int, int, int]) -> None:
    coded = np.full((4, 4, 3), as_pq(rgb), np.uint8)
    back = to_standard(coded, PQ, BT2020)[0, 0, ::-1].astype(int)
    plain = coded[0, 0, ::-1].astype(int)
    assert np.abs(back - rgb).max() <= 22
    assert np.abs(back - rgb).sum() < np.abs(plain - rgb).sum()


def test_brighter_stays_brighter_and_white_is_bright() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2)
    out = to_standard(ramp, PQ, BT2020)[:, 0]
    assert (np.diff(out.astype(int), axis=0) >= 0).all()
    assert np.ptp(out, 1).max() <= 1  # greys stay grey
    assert out[round(255 * float(to_pq(np.array(203.0))))].min() > 215 and out[-1].min() > 245


def test_ordinary_pictures_and_hlg_greys_are_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert to_standard(image, BT709, BT709) is image
    grey = np.repeat(image[:, :, :1], 3, 2)
    assert np.abs(to_standard(grey, HLG, BT2020).astype(int) - grey).max() <= 1


def test_a_file_that_says_so_is_mapped(tmp_path: Path) -> None:
    rgb = COLOURS[3]
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gbrp10le"
        context = stream.codec_context
        context.time_base = Fraction(1, 25)
        context.color_trc, context.color_primaries = PQ, BT2020
        deep = VideoFrame.from_ndarray(np.full((48, 64, 3), as_pq(rgb), np.uint8), format="bgr24")
        frame = deep.reformat(format="gbrp10le")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_video(path) as video:
        assert np.abs(next(iter(video)).image[20, 20, ::-1].astype(int) - rgb).max() <= 24
