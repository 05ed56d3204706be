"""Decoders that are asked for and missing: an error in one line, never the CPU without a word."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from matcher.cli.main import main
from matcher.errors import BackendError, MediaError
from matcher.video.open import open_video
from matcher.video.writer import VideoWriter


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, (64, 64), Fraction(25), Fraction(1, 25)) as writer:
        for number in range(3):
            writer.write(np.full((64, 64, 3), 80 * number, np.uint8), number)
    return path


def nvdec(path: Path) -> bool:
    """Whether FFmpeg can decode this on a GPU here, found out without our code."""
    try:
        from av.codec.hwaccel import HWAccel

        with av.open(str(path), hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            return next(container.decode(video=0), None) is not None
    except Exception:  # whatever it is, there is none
        return False


def test_unknown_decoders_are_refused(clip: Path) -> None:
    with pytest.raises(BackendError, match="choose one of cpu, cuda"):
        open_video(clip, decode="vulkan")


def test_a_missing_decoder_is_an_error_and_not_the_cpu(clip: Path, tmp_path: Path) -> None:
    if nvdec(clip):
        pytest.skip("this machine has NVDEC")
    with pytest.raises(BackendError, match="leave out --decode"):
        open_video(clip, decode="cuda")
    assert main(["match", str(clip), "--out", str(tmp_path / "out"), "--decode", "cuda"]) == 2
    assert not (tmp_path / "out").exists()


def test_it_decodes_what_the_cpu_decodes(clip: Path) -> None:
    if not nvdec(clip):
        pytest.skip("this machine has no NVDEC")
    with open_video(clip) as cpu, open_video(clip, decode="cuda") as gpu:
        for one, other in zip(cpu, gpu, strict=True):
            assert one.pts == other.pts and np.abs(one.image.astype(int) - other.image).max() <= 3


def test_a_broken_file_is_still_the_files_fault(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(MediaError):
        open_video(tmp_path / "broken.mp4", decode="cuda")
