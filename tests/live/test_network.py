"""Sources over the network from real servers: RTMP, SRT, HLS and RTSP are read, lost and found again; cards go."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import PipelineConfig, SourceConfig
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing
from matcher.sinks.publish import PublishSink
from matcher.types import Frame, Garments
from matcher.video.health import CLEARED, Health, State
from matcher.video.live_source import LiveSource
from matcher.video.writer import VideoWriter
from tests.live.servers import RtmpServer, free_port, need_ffmpeg, sending, wait_for
from tests.test_pipeline import walk
from tests.toy_bundle import make_bundle
from tests.toy_shop import write_shop

PATIENCE_S = 60  # a busy machine
QUICK = SourceConfig(hold_s=0.4, clear_s=0.6, silence_s=2.0)


class Shown(Closing):
    """What a viewer would see: products of the newest result, until the source is lost."""

    def __init__(self) -> None:
        self.products: set[str] = set()
        self.states: list[str] = []
        self.frames = 0

    def write(self, frame: Frame, garments: Garments) -> None:
        self.frames += 1
        found = [one.product for one in garments] if garments.has("product_row") else []
        self.products = {product.id for product in found if product is not None}

    def health(self, health: Health) -> None:
        if self.states[-1:] != [health.state.value]:
            self.states.append(health.state.value)
        if health.state in CLEARED:
            self.products = set()

    def close(self, ok: bool = True) -> None:
        pass


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of toy garments with a tone and a key picture each second."""
    need_ffmpeg()
    folder = tmp_path_factory.mktemp("film")
    frames = list(walk(75))
    with VideoWriter(folder / "walk.mp4", frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)
    coded = ["-c:v", "libx264", "-crf", "12", "-preset", "veryfast", "-g", "25", "-c:a", "aac", "-shortest"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"]
    command = ["ffmpeg", "-v", "error", "-i", str(folder / "walk.mp4"), *tone, *coded, str(folder / "film.mp4")]
    subprocess.run(command, check=True)
    return folder / "film.mp4"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    """A toy bundle, and the folder of its catalogue."""
    folder = tmp_path_factory.mktemp("toy")
    bundle = make_bundle(folder / "toy")
    write_shop(folder / "toy.catalog", bundle)
    return bundle, folder / "toy.catalog"


def pipeline(toy: tuple[Bundle, Path]) -> Pipeline:
    return Pipeline(PipelineConfig(source=QUICK, threads=1), Catalog.load(toy[1]), toy[0])


@contextmanager
def session(toy: tuple[Bundle, Path], *specs: StreamSpec) -> Iterator[tuple[Session, list[Shown]]]:
    shown: list[Shown] = []

    def sinks(channel: object) -> list[Shown]:
        shown.append(Shown())
        return shown[-1:]

    with Session(list(specs), pipeline(toy), sinks) as running:
        try:
            yield running, shown
        finally:
            running.live.stop()


def test_source_and_server_are_killed_in_turn_and_no_product_stays(
    server: RtmpServer, film: Path, toy: tuple[Bundle, Path]
) -> None:
    spec = StreamSpec(server.url("walk"), "walk", publish=server.url("out"))
    with sending(film, server.url("walk")) as sender, session(toy, spec) as (running, [shown]):
        status = lambda: running.status()["walk"]  # noqa: E731
        until(lambda: "p-tops" in shown.products)
        for _ in range(2):
            sender.kill()
            until(lambda: status().health.state is State.LOST)
            until(lambda: not shown.products)
            sender.start()
            until(lambda: "p-tops" in shown.products)
        server.kill()
        until(lambda: status().health.state is State.LOST and not shown.products)
        assert "cannot be opened" in status().health.reason
        sender.kill()
        server.start()
        sender.start()
        until(lambda: "p-tops" in shown.products)
        until(lambda: status().published[0].connected and status().published[0].connections >= 2)
        assert status().health.reconnects >= 3 and status().health.state is State.LIVE
        assert shown.states.count("lost") >= 3


def test_a_source_that_sends_nothing_is_lost_and_its_burst_is_not_a_delay(
    server: RtmpServer, film: Path, toy: tuple[Bundle, Path]
) -> None:
    spec = StreamSpec(server.url("walk"), "walk")
    with sending(film, server.url("walk")) as sender, session(toy, spec) as (running, [shown]):
        until(lambda: "p-tops" in shown.products)
        sender.freeze()
        until(lambda: running.status()["walk"].health.state is State.LOST and not shown.products)
        sender.freeze(False)
        until(lambda: "p-tops" in shown.products)
        # FFmpeg sends at once what it did not send meanwhile: of that only the newest frames may wait.
        until(lambda: max(running.live.latencies_ms()[-5:]) < 1000)


def test_streams_of_several_catalogues_in_one_run(film: Path, toy: tuple[Bundle, Path], tmp_path: Path) -> None:
    write_shop(tmp_path / "other.catalog", toy[0], ("tops",), "other")
    specs = (StreamSpec(str(film), "one", loop=True), StreamSpec(str(film), "two", str(tmp_path / "other.catalog")))
    with session(toy, *specs) as (running, shown):
        until(lambda: "p-tops" in shown[0].products and "other-tops" in shown[1].products)
        assert not any(product.startswith("other") for product in shown[0].products)
        running.add(StreamSpec(str(film), "three", loop=True))
        until(lambda: "p-tops" in shown[2].products)
        running.remove("three")
        assert "three" not in running.status()
        running.pause("one")
        until(lambda: not shown[0].products and running.status()["one"].health.state is State.PAUSED)
        running.pause("one", False)
        until(lambda: "p-tops" in shown[0].products)


def test_a_catalogue_is_swapped_between_two_frames(film: Path, toy: tuple[Bundle, Path], tmp_path: Path) -> None:
    bundle, folder = make_bundle(tmp_path / "toy"), tmp_path / "swap.catalog"
    write_shop(folder, bundle)
    with session((bundle, folder), StreamSpec(str(film), "one", loop=True)) as (running, [shown]):
        until(lambda: "p-tops" in shown.products)
        write_shop(folder, bundle, prefix="new")
        until(lambda: "new-tops" in shown.products)
        assert not any(product.startswith("p-") for product in shown.products)
        assert "lost" not in shown.states, "the stream goes on meanwhile"


def test_a_source_may_change_its_size(film: Path, toy: tuple[Bundle, Path], tmp_path: Path) -> None:
    small = tmp_path / "small.ts"
    scaled = ["-vf", "scale=480:480", "-c:v", "libx264", "-crf", "12", "-g", "25", "-an"]
    plain = ["-c", "copy", "-an", str(tmp_path / "large.ts")]
    for made in ([*scaled, str(small)], plain):
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), *made], check=True)
    (tmp_path / "both.ts").write_bytes((tmp_path / "large.ts").read_bytes() + small.read_bytes())
    sizes: dict[tuple[int, int], set[str]] = {}

    class Sizes(Shown):
        def write(self, frame: Frame, garments: Garments) -> None:
            super().write(frame, garments)
            sizes.setdefault(frame.size, set()).update(self.products)

    sink, spec = Sizes(), StreamSpec(str(tmp_path / "both.ts"), "both", publish=str(tmp_path / "out.mkv"))
    with Session([spec], pipeline(toy), lambda channel: [sink]) as running:
        until(lambda: running.wait(0.1))
    assert set(sizes) == {(640, 360), (480, 480)}
    assert all("p-tops" in found for found in sizes.values())
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert {(one.width, one.height) for one in out.decode(video=0)} == {(640, 360)}, "fitted in"


def frames_of(source: LiveSource, count: int) -> list[Frame]:
    timer = threading.Timer(PATIENCE_S, source.stop)
    timer.start()
    got = []
    for item in source:
        if isinstance(item, Frame):
            got.append(item)
        if len(got) >= count:
            source.stop()
    timer.cancel()
    return got


def need_srt() -> None:
    listing = subprocess.run(["ffmpeg", "-v", "error", "-protocols"], capture_output=True, text=True).stdout
    if "srt" not in listing.split():
        pytest.skip("this ffmpeg has no SRT")


def test_srt(film: Path) -> None:
    need_srt()
    port = free_port()
    with sending(film, f"srt://127.0.0.1:{port}?mode=listener", "mpegts"):
        source = LiveSource(f"srt://127.0.0.1:{port}?mode=caller", QUICK)
        frames = frames_of(source, 30)
    assert len(frames) == 30 and frames[0].size == (640, 360) and source.sound.format is not None


def test_srt_is_published(film: Path, tmp_path: Path) -> None:
    need_srt()
    port = free_port()
    taken = ["-t", "3", "-c", "copy", "-y", str(tmp_path / "taken.ts")]
    command = ["ffmpeg", "-v", "error", "-i", f"srt://127.0.0.1:{port}?mode=listener", *taken]
    listener = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    source = LiveSource(film, loop=True)
    sink = PublishSink(f"srt://127.0.0.1:{port}?mode=caller", source.rate, source.sound)
    try:
        with sink:
            for item in source:
                if isinstance(item, Frame):
                    sink.write(item, Garments.empty())
                if listener.poll() is not None or item is not None and sink.status().frames > 25 * PATIENCE_S:
                    source.stop()
    finally:
        listener.kill()
        listener.wait()
    with av.open(str(tmp_path / "taken.ts")) as taken:
        assert {stream.type for stream in taken.streams} == {"video", "audio"}
        assert sum(1 for _ in taken.decode(video=0)) > 25


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_hls_is_played_at_its_own_pace_near_its_newest_part(film: Path, tmp_path: Path) -> None:
    more = ["-hls_time", "1", "-hls_list_size", "4", "-hls_flags", "delete_segments"]
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    with ExitStack() as stack:
        stack.callback(web.server_close)
        stack.callback(web.shutdown)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        stack.enter_context(sending(film, str(tmp_path / "live.m3u8"), "hls", *more))
        source = LiveSource(f"http://127.0.0.1:{web.server_port}/live.m3u8", QUICK)
        began, frames = time.monotonic(), frames_of(source, 60)
    assert len(frames) == 60 and time.monotonic() - began > 0.8 * float(frames[-1].timestamp - frames[0].timestamp)


def test_a_recording_over_http_is_played_at_its_own_pace_and_ends(film: Path) -> None:
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(film.parent)))
    with ExitStack() as stack:
        stack.callback(web.server_close)
        stack.callback(web.shutdown)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        source = LiveSource(f"http://127.0.0.1:{web.server_port}/film.mp4")
        began, frames = time.monotonic(), frames_of(source, 10**6)
    assert len(frames) + source.dropped == 75 and time.monotonic() - began > 2.5


def test_rtsp(film: Path) -> None:
    program = shutil.which("rtsp-server-perl")
    if program is None:
        pytest.skip("no RTSP server is installed (rtsp-server-perl)")
    clients, sources = free_port(), free_port()
    ports = ["--clientport", str(clients), "--serverport", str(sources), "--rtp_start_port", "25000"]
    here = ["--client_listen_address", "127.0.0.1", "--source_listen_address", "127.0.0.1", "--loglevel", "0"]
    server = subprocess.Popen([program, *ports, *here], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(sources)
        with sending(film, f"rtsp://127.0.0.1:{sources}/walk", "rtsp", "-rtsp_transport", "udp"):
            source = LiveSource(f"rtsp://127.0.0.1:{clients}/walk", QUICK)
            frames = frames_of(source, 30)
    finally:
        server.kill()
        server.wait()
    assert len(frames) == 30 and frames[0].size == (640, 360)
