"""Times and timecodes of every frame against FFmpeg's and OpenTimelineIO's, on clips that FFmpeg makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from matcher.sinks.report import Report
from matcher.timecode import Timecode
from matcher.types import Garments
from matcher.video.open import open_video

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


@dataclass(frozen=True)
class Made:
    """A clip: its file's ending, rate, start timecode, and further arguments of FFmpeg.

    `drop` says whether its timecodes are drop-frame; None where its rate varies.
    """

    ending: str
    rate: str
    start: str = ""
    drop: bool | None = False
    more: tuple[str, ...] = ()


# Every other run of frames is left out: distances of one, two and three frames.
VARIABLE = ("-vf", "select='not(mod(n,3)*mod(n,7))',setpts=PTS+0.013*mod(N\\,3)/TB", "-fps_mode", "vfr")
CLIPS = {
    "25, MP4": Made("mp4", "25"),
    "25 with a start, MOV": Made("mov", "25", "10:00:00:00"),
    "23.976, MP4": Made("mp4", "24000/1001", "01:00:00:00"),
    "23.976, MKV (milliseconds)": Made("mkv", "24000/1001", "01:00:00:00"),
    "29.97 drop-frame, MP4": Made("mp4", "30000/1001", "00:00:59;20", True),
    "29.97 drop-frame past ten minutes, MOV": Made("mov", "30000/1001", "00:09:59;20", True),
    "29.97 drop-frame, MKV": Made("mkv", "30000/1001", "00:01:59;15", True),
    "59.94 drop-frame, MP4": Made("mp4", "60000/1001", "00:00:59;40", True),
    "50p, MP4": Made("mp4", "50", "09:59:59:40"),
    "50p, transport stream": Made("ts", "50"),
    "late first frame, MKV": Made("mkv", "25", "", False, ("-output_ts_offset", "1.4")),
    "variable, MP4": Made("mp4", "30", "", None, VARIABLE),
    "variable, MKV": Made("mkv", "30", "", None, VARIABLE),
}
SECONDS = 3


@pytest.fixture(scope="module", params=list(CLIPS))
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    made = CLIPS[request.param]
    path = tmp_path_factory.mktemp("clips") / f"clip.{made.ending}"
    source = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate={made.rate}:duration={SECONDS}"]
    timecode = ["-timecode", made.start] if made.start else []
    # Frames that are coded out of order: the order of the packets is not that of the times.
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "24", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-v", "error", *source, *made.more, *codec, *timecode, str(path)]
    subprocess.run(command, check=True)
    return made, path


def probed(path: Path) -> list[Fraction]:
    """The exact times of all frames, as ffprobe has them."""
    what = "stream=time_base:frame=pts,best_effort_timestamp"
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_frames",
        "-show_entries",
        what,
        "-show_streams",
    ]
    said = json.loads(subprocess.run([*command, "-of", "json", path], check=True, capture_output=True).stdout)
    unit = Fraction(said["streams"][0]["time_base"])
    return [frame.get("pts", frame["best_effort_timestamp"]) * unit for frame in said["frames"]]


def written(path: Path, tmp_path: Path) -> tuple[list[Fraction], Timecode]:
    """The times of our frames, and the timecodes that a report of the whole clip writes."""
    times = []
    with open_video(path) as video, Report(tmp_path / "report", video) as report:
        for frame in video:
            times.append(frame.timestamp)
            report.write(frame, Garments.empty().with_columns(**columns()))
    return times, report.timecode


def columns() -> dict[str, Any]:
    """What tracking, look-up and settling add where nothing is found."""
    import numpy as np

    rows = {"product_row": np.zeros((0, 1)), "match_score": np.zeros((0, 1))}
    return {**rows, **dict.fromkeys(("track_id", "tier"), np.zeros(0))}


def refereed(start: str, frames: int, rate: Fraction, drop: bool) -> str:
    """The timecode so many frames after a start, by OpenTimelineIO."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        otio = pytest.importorskip("opentimelineio", reason="needs the extra [report]")
    time = otio.opentime.from_timecode(start, float(rate)) + otio.opentime.RationalTime(frames, float(rate))
    return time.to_timecode(float(rate), drop)


def test_every_frame_has_ffprobes_time(clip: tuple[Made, Path], tmp_path: Path) -> None:
    _, path = clip
    times, _ = written(path, tmp_path)
    assert times == probed(path)


def test_every_frame_has_its_own_timecode(clip: tuple[Made, Path], tmp_path: Path) -> None:
    made, path = clip
    if made.drop is None:
        pytest.skip("frames of a variable rate have no steady numbers")
    times, code = written(path, tmp_path)
    rate = Fraction(made.rate)
    assert code.rate == rate and code.drop == made.drop and code.note == ""
    start = made.start or "00:00:00:00"
    assert [code.format(t) for t in times] == [refereed(start, i, rate, made.drop) for i in range(len(times))]


def test_a_timecode_leads_back_to_its_frame(clip: tuple[Made, Path], tmp_path: Path) -> None:
    made, path = clip
    times, code = written(path, tmp_path)
    if made.drop is None:
        assert "varies" in code.note
        # Seconds are exact whatever the rate; a timecode is the nearest number at the mean rate.
        assert all(abs(code.parse(code.format(t)) - t) <= Fraction(1, 2) / code.rate for t in times)
    else:
        # Files round their stamps, MKV to milliseconds.
        assert all(abs(code.parse(code.format(t)) - t) < Fraction(1, 1000) for t in times)
        assert len({code.format(t) for t in times}) == len(times)


def test_parts_of_a_film_keep_its_timecodes(tmp_path: Path) -> None:
    path = tmp_path / "part.mov"
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30000/1001:duration=2", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-v", "error", *source, "-c:v", "libx264", "-timecode", "00:00:59;28", str(path)]
    subprocess.run(command, check=True)
    with open_video(path) as video, Report(tmp_path / "report", video) as report:
        late = [frame for frame in video if frame.index >= 2]
        for frame in late:
            report.write(frame, Garments.empty())
    assert report.timecode.format(late[0].timestamp) == "00:01:00;02"
