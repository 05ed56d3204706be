"""One suite over every kind of file: what a source promises, compared with what was encoded and with ffprobe."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import MediaError
from matcher.types import Frame
from matcher.video.open import open_video
from matcher.video.source import VideoSource
from tests import clips

FFPROBE = shutil.which("ffprobe")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module", params=clips.CLIPS)
def clip(request: pytest.FixtureRequest, folder: Path) -> clips.Clip:
    return clips.CLIPS[request.param](folder)


def read(path: Path | str) -> list[Frame]:
    with open_video(path) as video:
        return list(video)


def test_every_frame_once_in_order_at_its_exact_time(clip: clips.Clip) -> None:
    frames = read(clip.path)
    assert [clips.number_of(f.image) for f in frames] == list(range(len(clip.times)))
    assert [f.index for f in frames] == list(range(len(clip.times)))
    off = [abs(f.timestamp - time) for f, time in zip(frames, clip.times, strict=True)]
    assert max(off) <= clip.tick
    assert all(a.pts < b.pts for a, b in zip(frames, frames[1:], strict=False))


@pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")
def test_times_are_those_of_ffprobe(clip: clips.Clip) -> None:
    command = [FFPROBE, "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts", "-of", "json"]
    told = json.loads(subprocess.run([*command, clip.path], capture_output=True, check=True).stdout)
    assert [f.pts for f in read(clip.path)] == [f["pts"] for f in told["frames"]]


def test_pictures_are_upright_bgr_with_the_right_colours(clip: clips.Clip) -> None:
    with open_video(clip.path) as video:
        size, frames = video.size, list(video)
    for frame in frames[:: len(frames) - 1]:
        assert frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous
        assert frame.size == size == clip.size
        assert np.abs(clips.corners(frame.image) - np.array(clip.quarters)).max() < 9


def test_large_pictures_that_name_no_colour_matrix_are_taken_for_bt709(tmp_path: Path) -> None:
    path = clips.encode(tmp_path / "hd.mp4", [0, 1], Fraction(1, 25), size=(1280, 720), tagged=False)
    with open_video(path) as video:
        image = next(iter(video)).image
    assert np.abs(clips.corners(image) - np.array(clips.QUARTERS)).max() < 9


def test_facts_are_known_before_the_first_frame_and_after_closing(clip: clips.Clip) -> None:
    with open_video(clip.path) as video:
        assert isinstance(video, VideoSource)
        before = (video.size, video.rate, video.duration_s, video.frames_estimate, video.start_timecode)
    assert before == (video.size, video.rate, video.duration_s, video.frames_estimate, video.start_timecode)
    assert video.name == clip.path.name
    assert isinstance(video.rate, Fraction)
    assert abs(video.start - clip.times[0]) <= clip.tick
    steady = clip.times[1] - clip.times[0] == clip.times[-1] - clip.times[-2]
    if steady:  # at a variable rate, length times rate is only a guess
        assert video.frames_estimate == pytest.approx(len(clip.times), abs=2)
    length = float(clip.times[-1] - clip.times[0])
    assert length <= video.duration_s < float(clip.times[-1]) + 0.2
    assert (video.corrupt, video.truncated) == (0, False)


def test_a_second_loop_starts_again(folder: Path) -> None:
    with open_video(clips.rotated(folder).path) as video:
        next(iter(video))
        first, second = [f.pts for f in video], [f.pts for f in video]
    assert len(first) == 24 and first == second


def test_the_rate_is_never_cut_to_a_whole_number(folder: Path) -> None:
    with open_video(clips.constant(folder).path) as video:
        assert video.rate == Fraction(30_000, 1001)
        assert [f.timestamp for f in video][-1] == 23 * Fraction(1001, 30_000)


def test_the_start_timecode_is_found(folder: Path) -> None:
    path = clips.encode(folder / "tc.mov", list(range(5)), Fraction(1, 25), timecode="10:00:00:00")
    with open_video(path) as video:
        assert video.start_timecode == "10:00:00:00"


def test_closing_ends_a_loop_and_reading_afterwards_is_refused(folder: Path) -> None:
    video = open_video(clips.constant(folder).path)
    loop = iter(video)
    next(loop)
    video.close()
    assert len(list(loop)) < 24
    with pytest.raises(MediaError, match="closed"):
        next(iter(video))


def test_a_cut_file_gives_its_whole_frames_and_says_that_it_is_cut(folder: Path) -> None:
    with open_video(clips.cut_off(folder)) as video:
        frames = list(video)
        assert [clips.number_of(f.image) for f in frames] == list(range(15))
        assert (video.truncated, video.corrupt) == (True, 1)


def test_damaged_frames_are_skipped_and_counted(folder: Path) -> None:
    with open_video(clips.damaged(folder)) as video:
        frames = list(video)
        assert video.corrupt == len(clips.DAMAGED)
    whole = [number for number in range(60) if number not in clips.DAMAGED]
    assert [round(f.timestamp * 25) for f in frames] == whole
    assert [clips.number_of(f.image) for f in frames] == [number % 25 for number in whole]


def _bytes(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


REFUSED = {
    "missing": (lambda f: f / "missing.mp4", "no such file"),
    "folder": (lambda f: f, "is a folder"),
    "empty": (lambda f: _bytes(f, "empty.mp4", b""), "empty"),
    "text": (lambda f: _bytes(f, "notes.txt", b"a shopping list\n" * 50), "not a video"),
    "page": (lambda f: _bytes(f, "page.mp4", b"<!doctype html><p>not found</p>"), "not a video"),
    "no index": (clips.without_index, "cut off"),
    "sound": (clips.sound_only, "no video stream"),
    "scheme": (lambda f: "gopher://example/x", "addresses start with"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(case: str, folder: Path) -> None:
    make, words = REFUSED[case]
    with pytest.raises(MediaError, match=words) as caught:
        open_video(make(folder))
    assert "\n" not in str(caught.value)


def test_a_picture_is_not_a_video(folder: Path) -> None:
    import cv2

    cv2.imwrite(str(folder / "photo.png"), clips.picture(0))
    with pytest.raises(MediaError, match="picture"):
        open_video(folder / "photo.png")


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler] | partial) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_an_address_gives_the_same_frames_and_its_name_keeps_secrets(folder: Path) -> None:
    path = clips.constant(folder).path
    with _serving(partial(_Quiet, directory=str(folder))) as address:
        with open_video(f"{address}/{path.name}?key=secret", timeout_s=60) as video:
            frames = list(video)
        assert video.name == f"http://127.0.0.1/{path.name}"
        with pytest.raises(MediaError, match="cannot be opened"):
            open_video(f"{address}/missing.mp4")
    assert [f.pts for f in frames] == [f.pts for f in read(path)]


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(MediaError, match="cannot be opened"):
            open_video(f"http://127.0.0.1:{silent.getsockname()[1]}/x.mp4", timeout_s=0.3)


def test_a_playlist_file_cannot_call_the_network(folder: Path) -> None:
    asked: list[str] = []

    class Spy(_Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with _serving(Spy) as address:
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}/spy.ts\n#EXT-X-ENDLIST\n"
        with pytest.raises(MediaError):
            open_video(_bytes(folder, "list.m3u8", text.encode()))
    assert asked == []


def test_decoded_pictures_do_not_wait_for_the_garbage_collector(folder: Path) -> None:
    import gc

    def alive() -> int:
        return sum(type(thing).__name__ == "VideoFrame" for thing in gc.get_objects())

    path = clips.constant(folder).path
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(3):
            assert len(read(path)) == 24
        assert alive() - before <= 6, "of 72 pictures"
    finally:
        gc.enable()
