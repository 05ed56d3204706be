"""Publishing: picture and sound stay in step, broken targets are found again, and nobody waits for a target."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from matcher.errors import InputError
from matcher.sinks import publish
from matcher.sinks.publish import PublishSink, name_of
from matcher.types import EXACT, Frame, Garments
from matcher.video.forward import form_of
from matcher.video.health import Health, Notice, State
from matcher.video.live_source import LiveSource
from matcher.video.outgoing import fit
from tests.live.flash import RATE, flashes_and_beeps, write_flashes
from tests.live.servers import RtmpServer, make_clip, sending
from tests.threads import in_time

UNIT = Fraction(1, 25)


def frame(number: int, level: int = 60, size: tuple[int, int] = (320, 240)) -> Frame:
    return Frame(np.full((size[1], size[0], 3), level, np.uint8), number, UNIT, index=number)


def worn() -> Garments:
    return Garments(np.array([[40, 40, 200, 200]], np.float32), type_probs=np.eye(11)[:1], tier=np.array([EXACT]))


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def pass_on(source: LiveSource, sink: PublishSink, enough: Callable[[], bool]) -> None:
    """A live source's frames to a sink as they are."""
    with sink:
        for item in source:
            if isinstance(item, Notice):
                sink.health(item.health)
            else:
                sink.write(item, Garments.empty())
            if enough():
                source.stop()


def off(flashes: list[float], beeps: list[float]) -> float:
    """How far flashes are from their beeps, at best: on a busy machine the first picture of one may be dropped."""
    return min(min((abs(flash - beep) for beep in beeps), default=9.0) for flash in flashes)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_picture_and_sound_are_in_step(tmp_path: Path, ending: str) -> None:
    write_flashes(tmp_path / "flash.mp4")
    source = LiveSource(tmp_path / "flash.mp4", loop=ending == "mkv")
    target, end = tmp_path / f"out.{ending}", time.monotonic() + (7 if ending == "mkv" else 60)
    sink = PublishSink(str(target), source.rate, source.sound)
    in_time(lambda: pass_on(source, sink, lambda: time.monotonic() > end))
    flashes, beeps = flashes_and_beeps(target)
    assert flashes and len(beeps) >= 3
    assert off(flashes, beeps) <= 1 / RATE, "within one frame"
    with av.open(str(target)) as written, av.open(str(tmp_path / "flash.mp4")) as given:
        assert written.streams.audio[0].codec_context.name == "aac"
        first = [bytes(packet) for packet in given.demux(audio=0) if packet.size]
        passed = {bytes(packet) for packet in written.demux(audio=0) if packet.size}
    if ending != "ts":  # whose packets carry a header each
        assert len(passed.intersection(first)) > len(passed) / 2, "the very bytes, not encoded again"


def test_sound_that_the_target_does_not_take_is_encoded(tmp_path: Path) -> None:
    write_flashes(tmp_path / "flash.mp4")
    with av.open(str(tmp_path / "flash.mp4")) as given, av.open(str(tmp_path / "pcm.mkv"), "w") as out:
        video = out.add_stream_from_template(given.streams.video[0])
        audio = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for packet in given.demux():
            if packet.stream.type == "video" and packet.size:
                packet.stream = video
                out.mux(packet)
            elif packet.stream.type == "audio":
                for heard in packet.decode():
                    out.mux(audio.encode(heard))
        out.mux(audio.encode(None))
    source = LiveSource(tmp_path / "pcm.mkv")
    sink = PublishSink(str(tmp_path / "out.flv"), source.rate, source.sound)
    in_time(lambda: pass_on(source, sink, lambda: False))
    flashes, beeps = flashes_and_beeps(tmp_path / "out.flv")
    with av.open(str(tmp_path / "out.flv")) as written:
        assert written.streams.audio[0].codec_context.name == "aac"
    # An AAC encoder begins 1024 samples early, which FLV cannot say: still within one frame.
    assert flashes and len(beeps) >= 3 and off(flashes, beeps) <= 1 / RATE


def levels(path: Path) -> list[tuple[float, float]]:
    """Time and mean of the middle of each picture's colours: drawn boxes and veils change it."""
    with av.open(str(path)) as container:
        return [(one.time, float(one.to_ndarray(format="bgr24")[30:210, 30:210].std())) for one in container.decode()]


def test_what_is_found_is_drawn_and_goes_when_the_source_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "STILL_S", 0.1)
    sink = PublishSink(str(tmp_path / "out.mkv"), Fraction(25))
    with sink:
        for number in range(10):
            sink.write(frame(number), worn())
            time.sleep(0.04)
        until(lambda: sink.status().frames >= 9)
        sink.health(Health(State.LOST, "gone"))
        before = sink.status().frames
        until(lambda: sink.status().frames >= before + 4)
    times = levels(tmp_path / "out.mkv")
    assert times[0][1] > 5, "labels and corners are drawn"
    assert all(spread < 2 for _, spread in times[-3:]), "a lost source shows its picture without them"
    assert all(a < b for (a, _), (b, _) in zip(times, times[1:], strict=False))


def test_pictures_of_another_size_are_fitted_in() -> None:
    tall = fit(np.full((400, 100, 3), 200, np.uint8), (320, 240))
    assert tall.shape == (240, 320, 3)
    columns = np.flatnonzero((tall == 200).all(2).any(0))
    assert (columns.min(), columns.max()) == (130, 189), "in the middle, with its own proportions"


def published(sink: PublishSink, seconds: float, first: int) -> int:
    """Write frames at their speed; the slowest call decides what is asserted by the caller."""
    end, number, slowest = time.monotonic() + seconds, first, 0.0
    while time.monotonic() < end:
        began = time.monotonic()
        sink.write(frame(number), worn())
        slowest = max(slowest, time.monotonic() - began)
        number += 1
        time.sleep(0.04)
    assert slowest < 1.0, "nobody waits for a target"
    return number


def test_a_server_that_is_killed_is_found_again(server: RtmpServer) -> None:
    with PublishSink(server.url("a"), Fraction(25)) as sink:
        number = published(sink, 0.2, 0)
        until(lambda: (published(sink, 0.2, number + int(time.monotonic() * 25)), sink.status().connected)[1])
        server.kill()
        number = 10**6
        until(lambda: (published(sink, 0.2, number + int(time.monotonic() * 25)), not sink.status().connected)[1])
        assert sink.status().reason and server.url("a") not in sink.status().reason
        server.start()
        until(lambda: (published(sink, 0.2, 2 * 10**6 + int(time.monotonic() * 25)), sink.status().connections == 2)[1])
        assert sink.status().connected and sink.status().reason == "" and sink.status().dropped > 0


def test_a_frozen_server_halts_nobody(server: RtmpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from matcher.video import outgoing

    monkeypatch.setattr(outgoing, "STUCK_S", 0.5)
    monkeypatch.setattr(outgoing, "_BITS", 200)  # the system's buffers hold megabytes
    noise = np.random.default_rng(0)
    with PublishSink(server.url("a"), Fraction(25)) as sink:
        until(lambda: (published(sink, 0.2, int(time.monotonic() * 25)), sink.status().connected)[1])
        server.freeze()
        try:
            end = time.monotonic() + 20
            while not sink.status().dropped and time.monotonic() < end:
                now = time.monotonic()
                sink.write(Frame(noise.integers(0, 255, (240, 320, 3), np.uint8), int(now * 25), UNIT), worn())
                time.sleep(0.01)
            assert sink.status().dropped > 0
        finally:
            server.freeze(False)
        until(lambda: (published(sink, 0.2, int(time.monotonic() * 25)), sink.status().connected)[1])


def test_what_was_published_can_be_watched(server: RtmpServer, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with sending(clip, server.url("in")):
        source = LiveSource(server.url("in"))
        sink = PublishSink(server.url("out"), source.rate, source.sound)
        watched = LiveSource(server.url("out"))
        heard, seen = watched.sound.listen(), []

        def watch() -> None:
            for item in watched:
                if isinstance(item, Frame):
                    seen.append(item)
                if len(seen) > 30:
                    watched.stop()
                    source.stop()

        threads = [Thread(target=watch), Thread(target=lambda: pass_on(source, sink, lambda: False))]
        for thread in threads:
            thread.start()
        threads[0].join(90)
        source.stop()
        watched.stop()
        threads[1].join(20)
    assert len(seen) > 30 and seen[0].size == (320, 240) and heard and heard[0].format.facts[0] == "aac"


@pytest.mark.parametrize("target", ["https://host/live", "file:///x.mkv", "out.webm", "out"])
def test_targets_that_cannot_be(target: str) -> None:
    with pytest.raises(InputError, match="publish to"):
        PublishSink(target, Fraction(25))


def test_forms_by_target() -> None:
    assert [form_of(target) for target in ("rtmp://h/a/k", "srt://h:9", "a.MKV", "b.ts")] == [
        "flv",
        "mpegts",
        "matroska",
        "mpegts",
    ]


def test_a_key_is_told_nobody() -> None:
    assert name_of("rtmp://user:pw@live.example/app/SECRET?x=1") == "rtmp://live.example"
    assert "SECRET" not in name_of("rtmp://live.example/app/SECRET")
