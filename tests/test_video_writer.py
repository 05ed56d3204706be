"""What is written is read back by ffprobe and by our own source: same times, same pictures, whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import InputError
from matcher.video.open import open_video
from matcher.video.writer import VideoWriter
from tests import clips

FFPROBE = shutil.which("ffprobe")
UNITS = {
    "film": (Fraction(1, 24), [0, 1, 2, 3]),
    "NTSC": (Fraction(1001, 30_000), [0, 1, 2, 3]),
    "variable": (Fraction(1, 12_800), [0, 512, 1000, 5000, 5100]),
    "late start": (Fraction(1, 1000), [7033, 7067, 7100, 7800]),
    "transport stream": (Fraction(1, 90_000), [126_000, 129_003, 132_006]),
    "one picture": (Fraction(1, 25), [0]),
}


def write(path: Path, unit: Fraction, stamps: list[int], size: tuple[int, int] = (160, 120)) -> Path:
    with VideoWriter(path, size, Fraction(25), unit) as writer:
        for number, pts in enumerate(stamps):
            writer.write(clips.picture(number, *size), pts)
    return path


def read(path: Path) -> tuple[list[Fraction], list[int]]:
    with open_video(path) as video:
        frames = list(video)
    return [f.timestamp for f in frames], [clips.number_of(f.image) for f in frames]


@pytest.mark.parametrize("case", UNITS)
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_frames_keep_their_times(case: str, ending: str, tmp_path: Path) -> None:
    unit, stamps = UNITS[case]
    times, numbers = read(write(tmp_path / f"out{ending}", unit, stamps))
    slack = Fraction(1, 1000) if ending == ".mkv" else 0
    assert all(abs(time - pts * unit) <= slack for time, pts in zip(times, stamps, strict=True))
    assert numbers == list(range(len(stamps)))


@pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")
def test_ffprobe_reads_the_same(tmp_path: Path) -> None:
    unit, stamps = UNITS["variable"]
    path = write(tmp_path / "out.mp4", unit, stamps, (161, 121))
    command = [FFPROBE, "-v", "error", "-show_streams", "-show_entries", "frame=pts_time", "-of", "json", path]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [float(f["pts_time"]) for f in told["frames"]] == pytest.approx([float(p * unit) for p in stamps], abs=1e-6)
    (stream,) = told["streams"]
    assert (stream["width"], stream["height"]) == (162, 122)  # odd sizes are padded, players want even ones
    assert (stream["pix_fmt"], stream["color_space"], stream["color_range"]) == ("yuv420p", "bt709", "tv")


def test_colours_survive(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "out.mp4", Fraction(1, 25), [0, 1])) as video:
        image = next(iter(video)).image
    assert np.abs(clips.corners(image) - np.array(clips.QUARTERS)).max() < 9


def test_times_below_zero_are_shifted_not_dropped(tmp_path: Path) -> None:
    times, numbers = read(write(tmp_path / "out.mp4", Fraction(1, 90_000), [-3000, 0, 3003]))
    assert times == [0, Fraction(3000, 90_000), Fraction(6003, 90_000)] and numbers == [0, 1, 2]


def test_too_fine_a_unit_is_rounded(tmp_path: Path) -> None:
    times, _ = read(write(tmp_path / "out.mp4", Fraction(1, 10**9), [0, 33_366_667, 66_733_333, 66_733_334]))
    assert [float(t) for t in times] == pytest.approx([0, 0.03336667, 0.06673333, 0.06675], abs=2e-5)


def test_frames_of_another_size_are_scaled(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", (160, 120), Fraction(25), Fraction(1, 25)) as writer:
        writer.write(clips.picture(0), 0)
        writer.write(clips.picture(1, 320, 240), 1)
    assert read(tmp_path / "out.mp4")[1] == [0, 1]


@pytest.mark.parametrize("earlier", [None, b"the older file"])
def test_a_failure_leaves_nothing_and_the_older_file(earlier: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    if earlier is not None:
        path.write_bytes(earlier)
    with pytest.raises(RuntimeError, match="stop"):
        with VideoWriter(path, (160, 120), Fraction(25), Fraction(1, 25)) as writer:
            for pts in range(80):  # more than the encoder holds back, so that the file has begun
                writer.write(clips.picture(pts), pts)
            assert len(list(tmp_path.iterdir())) == 1 + (earlier is not None)  # under another name
            raise RuntimeError("stop")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([earlier] if earlier is not None else [])


def test_times_must_grow_and_the_ending_be_known(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="order"),
        VideoWriter(tmp_path / "out.mp4", (160, 120), Fraction(25), Fraction(1, 25)) as writer,
    ):
        writer.write(clips.picture(0), 5)
        writer.write(clips.picture(1), 5)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="ends in"):
        VideoWriter(tmp_path / "out.avi", (160, 120), Fraction(25), Fraction(1, 25))
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="folder"):
        VideoWriter(tmp_path / "file" / "out.mp4", (160, 120), Fraction(25), Fraction(1, 25))
