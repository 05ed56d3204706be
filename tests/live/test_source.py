"""Live sources: recordings at their own speed, breaks that are told and mended, and what hangs is left behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from matcher.config import SourceConfig
from matcher.errors import ConfigError, MediaError
from matcher.types import Frame
from matcher.video import connection, live_source
from matcher.video.backlog import BEHIND_S, LATE_S, MOST, Backlog, Waiting
from matcher.video.camera import is_camera, open_as
from matcher.video.health import Health, Notice, State
from matcher.video.live_source import LiveSource
from matcher.video.retry import Retry
from matcher.video.timeline import Timeline
from tests import clips
from tests.threads import in_time

PATIENT = SourceConfig(hold_s=30, silence_s=60)  # a busy machine breaks nothing
QUICK = SourceConfig(hold_s=0.2, clear_s=0.2, silence_s=0.3, timeout_s=0.2, retry_s=0.05, retry_most_s=0.1)


def played(source: LiveSource, until: float = 20.0, frames: int = 10**9) -> tuple[list[Frame], list[Health]]:
    """What comes until there is no more, or so many frames were there."""

    def play() -> tuple[list[Frame], list[Health]]:
        got, told = [], []
        timer = threading.Timer(until, source.stop)
        timer.start()
        for item in source:
            if isinstance(item, Notice):
                told.append(item.health)
            else:
                got.append(item)
            if len(got) >= frames:
                source.stop()
        timer.cancel()
        return got, told

    return in_time(play)


def test_a_recording_is_played_at_its_own_pace_to_its_end(tmp_path: Path) -> None:
    clip = clips.constant(tmp_path)
    began = time.monotonic()
    source = LiveSource(clip.path, PATIENT)
    frames, told = played(source)
    took, times = time.monotonic() - began, [frame.timestamp for frame in frames]
    assert len(times) + source.dropped == len(clip.times) and times == sorted(set(times))
    assert set(times) <= set(clip.times) and times[-1] == clip.times[-1], "each frame at its own, exact time"
    assert took >= 0.9 * float(clip.times[-1] - clip.times[0])
    assert [health.state for health in told] == [State.CONNECTING, State.LIVE]
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_rounds_of_a_recording_join_without_a_jump(tmp_path: Path) -> None:
    clip = clips.constant(tmp_path)
    source = LiveSource(clip.path, PATIENT, loop=True)
    frames, _ = played(source, frames=2 * len(clip.times) + 3)
    step = clip.times[1] - clip.times[0]
    gaps = [b.timestamp - a.timestamp for a, b in pairwise(frames)]
    # A frame that nobody took on this busy machine leaves a gap of whole steps, never less.
    assert all(gap >= step and gap % step == 0 for gap in gaps)
    assert source.health.reconnects == 0 and frames[-1].timestamp > 2 * clip.times[-1]


def test_rounds_of_a_recording_leave_no_pictures_in_memory(tmp_path: Path) -> None:
    """What holds itself stays until Python's collector comes by, which in hours of play may be gigabytes later."""
    clip = clips.constant(tmp_path)
    gc.collect()
    gc.disable()
    try:
        source = LiveSource(clip.path, PATIENT, loop=True)
        frames, _ = played(source, frames=4 * len(clip.times))
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kept = [thing for thing in gc.garbage if isinstance(thing, av.VideoFrame)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert len(frames) == 4 * len(clip.times)
    assert len(kept) <= 2, "one for its first look, and one of the next rounds at most"


def test_slow_takers_lose_frames_but_no_time(tmp_path: Path) -> None:
    clip = clips.constant(tmp_path)
    source, frames = LiveSource(clip.path, PATIENT), []

    def take_slowly() -> None:
        for item in source:
            if isinstance(item, Frame):
                frames.append(item)
                time.sleep(0.25)

    in_time(take_slowly)
    assert source.dropped > 0 and len(frames) + source.dropped == len(clip.times)
    assert frames[-1].timestamp == clip.times[-1], "the newest is kept"


@pytest.mark.parametrize(
    ("source", "words"),
    [("nowhere.mp4", "no such file"), ("gopher://x/y", "addresses start with"), ("camera:", "camera:0")],
)
def test_what_can_never_be_opened_is_refused_at_once(source: str, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        LiveSource(source)


def test_an_address_where_nothing_is_waits_and_says_why() -> None:
    source = LiveSource("tcp://127.0.0.1:9", QUICK)
    frames, told = played(source, until=1.0)
    assert not frames and {health.state for health in told} == {State.CONNECTING}
    assert "cannot be opened" in told[-1].reason and len(told) > 3, "tried again and again"


class Scripted:
    """In place of `open_container` and all that follows: frames, or a hang, as a list says."""

    def __init__(self, acts: list[str]) -> None:
        self.acts, self.opened, self.go_on = acts, 0, threading.Event()

    def __call__(self, this: connection.Connection) -> None:
        act = self.acts[min(self.opened, len(self.acts) - 1)]
        self.opened += 1
        if act == "refused":
            raise MediaError("refused")
        for i in range(5):
            if this._stop.is_set():
                return
            this._give(Frame(np.zeros((4, 4, 3), np.uint8), i, Fraction(1, 25)))
            time.sleep(0.02)
        if act == "hangs":
            self.go_on.wait(20)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Connections that do what the test writes into this list."""
    acts: list[str] = []
    script = Scripted(acts)
    monkeypatch.setattr(connection.Connection, "_play", lambda this: script(this))
    yield acts
    script.go_on.set()


def states(told: list[Health]) -> list[str]:
    """Each state once, in order."""
    return [b for a, b in pairwise(["", *(health.state.value for health in told)]) if a != b]


def test_a_source_that_ends_is_held_then_lost_then_back(scripted: list[str]) -> None:
    scripted += ["ends", *["refused"] * 8, "ends"]
    source = LiveSource("rtmp://127.0.0.1/x", QUICK)
    frames, told = played(source, frames=10)
    # On a busy machine what came back may be silent for a moment, and is held again.
    assert states(told)[:5] == ["connecting", "live", "held", "lost", "live"]
    lost = [i for i, health in enumerate(told) if health.state is State.LOST]
    back = next(health for health in told[lost[0] :] if health.state is State.LIVE)
    assert back.reconnects == 1 and back.reason == ""
    assert any("refused" in told[i].reason for i in lost)
    assert all(a.timestamp < b.timestamp for a, b in pairwise(frames)), "time goes on, whatever the clocks do"


def test_a_reader_that_hangs_is_left_behind(scripted: list[str]) -> None:
    scripted += ["hangs", "ends"]
    source = LiveSource("rtmp://127.0.0.1/x", QUICK)
    got: list[Frame] = []

    def play() -> None:
        for item in source:
            if isinstance(item, Frame):
                got.append(item)
            if len(got) == 8:
                source.stop()

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and len(got) == 8 and source.health.reconnects == 1


def test_no_more_than_a_few_hanging_readers_are_left(scripted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "_HANGING", 2)
    scripted += ["hangs"]
    source = LiveSource("rtmp://127.0.0.1/x", QUICK)
    timer = threading.Timer(3, source.stop)
    timer.start()
    frames = [item for item in source if isinstance(item, Frame)]
    threads = [thread for thread in threading.enumerate() if thread.name == "asworn-live-read"]
    assert len(threads) == 2 and len(frames) == 10, "each gave five before it hung"


def shifts(timeline: Timeline, stamps: list[tuple[str, float]]) -> list[float]:
    moved = []
    for kind, stamp in stamps:
        moved.append(stamp + float(timeline.shift(kind, Fraction(stamp), Fraction(1, 25))))
    return moved


def test_picture_and_sound_stay_in_step_when_a_clock_restarts() -> None:
    stamps = [("video", 100.0), ("audio", 100.0), ("video", 100.04), ("audio", 100.02)]
    # The picture's clock restarts first; sound of the old clock still comes, then its clock restarts too.
    stamps += [("video", 0.0), ("audio", 100.04), ("audio", 0.0), ("video", 0.04), ("audio", 0.02)]
    times = shifts(Timeline(), stamps)
    video = [t for t, (kind, _) in zip(times, stamps, strict=True) if kind == "video"]
    audio = [t for t, (kind, _) in zip(times, stamps, strict=True) if kind == "audio"]
    assert all(a < b for a, b in pairwise(video)) and all(a <= b for a, b in pairwise(audio))
    assert times[5] == pytest.approx(100.04), "old sound keeps the old clock"
    assert times[7] - times[6] == pytest.approx(0.04) and times[8] - times[6] == pytest.approx(0.02)


def test_a_little_disorder_is_no_new_clock() -> None:
    assert shifts(Timeline(), [("video", 1.0), ("video", 0.9), ("video", 1.1)]) == pytest.approx([1.0, 0.9, 1.1])


def test_after_a_break_time_goes_on_and_a_loop_leaves_no_gap() -> None:
    timeline = Timeline()
    assert shifts(timeline, [("video", 5.0)]) == [5.0]
    timeline.join(gap=False)
    assert shifts(timeline, [("video", 0.0)]) == pytest.approx([5.04])
    time.sleep(0.05)
    timeline.join()
    assert 5.08 < shifts(timeline, [("video", 70.0)])[0] < 7


def packets(times: list[float], keys: list[int]) -> list[Waiting]:
    return [Waiting("decoder", object(), key=i in keys, stamp_s=stamp) for i, stamp in enumerate(times)]


def test_a_slow_decoder_goes_on_at_the_newest_key_picture() -> None:
    backlog, step = Backlog(), 0.1
    waiting = packets([i * step for i in range(40)], keys=[0, 10, 20, 30])
    for one in waiting:
        backlog.put(one)
    first = backlog.take()
    assert first.key and first.fresh and first.stamp_s == pytest.approx(3.0) and first.behind
    assert backlog.dropped == 30 and not backlog.take().fresh


def test_without_a_key_picture_it_waits_for_one() -> None:
    backlog = Backlog()
    for one in packets([i * 0.1 for i in range(60)], keys=[0, 55]):
        backlog.put(one)
    assert backlog.take().stamp_s == pytest.approx(5.5) and backlog.dropped == 55


def test_nothing_is_lost_of_what_is_taken_in_time() -> None:
    backlog = Backlog()
    for one in packets([i * 0.04 for i in range(200)], keys=[0]):
        backlog.put(one)
        taken = backlog.take()
        assert taken.packet is one.packet and not taken.behind and not taken.fresh
    assert backlog.dropped == 0


def test_a_backlog_never_grows_whatever_the_stamps_say() -> None:
    backlog = Backlog()
    for _ in range(5):
        for one in packets([0.0] * MOST, keys=[]):
            backlog.put(one)
    assert len(backlog._waiting) <= MOST and BEHIND_S < LATE_S


def test_closing_wakes_who_takes() -> None:
    backlog = Backlog()
    threading.Timer(0.05, backlog.close).start()
    assert in_time(backlog.take) is None


def test_retries_come_less_often_and_never_together() -> None:
    retry = Retry(1.0, 8.0)
    waits = [retry.next() for _ in range(6)]
    assert all(0.7 * want <= wait <= 1.3 * want for wait, want in zip(waits, (1, 2, 4, 8, 8, 8), strict=True))
    assert len({round(wait, 6) for wait in waits[3:]}) == 3
    retry.worked()
    assert retry.next() <= 1.3


@pytest.mark.parametrize(
    ("source", "platform", "file", "form", "options"),
    [
        ("camera:0", "linux", "/dev/video0", "v4l2", {}),
        ("/dev/video3", "linux", "/dev/video3", "v4l2", {}),
        ("camera:1?size=1280x720&rate=30", "darwin", "1:none", "avfoundation", {"video_size": "1280x720"}),
        ("camera:OBS Virtual Camera", "win32", "video=OBS Virtual Camera", "dshow", {}),
        ("camera:OBS Virtual Camera", "linux", "/dev/video7", "v4l2", {}),
    ],
)
def test_cameras_by_system(
    tmp_path: Path, source: str, platform: str, file: str, form: str, options: dict[str, str]
) -> None:
    for number, name in ((2, "Webcam"), (7, "OBS Virtual Camera")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(f"{name}\n")
    camera = open_as(source, platform, tmp_path)
    assert is_camera(source) and (camera.file, camera.format) == (file, form)
    assert camera.options.items() >= options.items()


@pytest.mark.parametrize(
    "source", ["camera:", "camera:-f", "camera:0?size=big", "camera:0?input=x", "camera:0?rate=-1"]
)
def test_cameras_that_are_written_wrongly(source: str) -> None:
    with pytest.raises(MediaError):
        open_as(source, "linux")


def test_a_camera_that_is_not_there_is_waited_for() -> None:
    frames, told = played(LiveSource("camera:99", QUICK), until=0.6)
    assert not frames and "no other program uses it" in told[-1].reason


def test_a_capture_device_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's own test device takes the place of a camera, which machines that test have none of."""
    from matcher.video import container

    device = SimpleNamespace(file="testsrc2=size=160x120:rate=50,realtime", format="lavfi", options={})
    monkeypatch.setattr(container, "open_as", lambda source: device)
    frames, told = played(LiveSource("camera:0", PATIENT), frames=5)
    assert [health.state for health in told] == [State.CONNECTING, State.LIVE] and frames[0].size == (160, 120)


def test_settings_of_sources_are_checked() -> None:
    with pytest.raises(ConfigError, match="silence_s"):
        SourceConfig(silence_s=0)


def test_a_decoder_that_is_slower_than_the_film_goes_on_giving_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once gave none any more: every frame was late, so every frame was dropped."""
    pictures = connection.Connection._pictures

    def slowly(this: connection.Connection, one: Waiting) -> Iterator[object]:
        for picture in pictures(this, one):
            time.sleep(0.1)
            yield picture

    monkeypatch.setattr(connection.Connection, "_pictures", slowly)
    clip = clips.constant(tmp_path)
    source, came = LiveSource(clip.path, SourceConfig(hold_s=20), loop=True), []
    timer = threading.Timer(8, source.stop)
    timer.start()
    for item in source:
        if isinstance(item, Frame):
            came.append(time.monotonic())
    timer.cancel()
    assert came[-1] - came[0] > 5 and max(b - a for a, b in pairwise(came)) < 3 and source.dropped > 0
