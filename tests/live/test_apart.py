"""A stream that fails ends alone: the others go on, and everybody who looks is told why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from matcher.cli.main import main
from matcher.errors import InputError, MediaError
from matcher.live.channel import Channel
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing
from matcher.types import Frame, Garments
from matcher.video.health import Health, State
from tests.live.test_network import Shown, until
from tests.live.test_session import shop, toys  # noqa: F401 - fixtures


class Breaks(Closing):
    """A sink that takes three results."""

    def __init__(self) -> None:
        self.frames, self.closed = 0, []

    def write(self, frame: Frame, garments: Garments) -> None:
        self.frames += 1
        if self.frames > 3:
            raise OSError("the disk is full\nand more that nobody reads")

    def close(self, ok: bool = True) -> None:
        self.closed.append(ok)


class Told(Shown):
    """What a viewer sees, and what was said of the source last."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.closed = Health(), []

    def health(self, health: Health) -> None:
        super().health(health)
        self.last = health

    def close(self, ok: bool = True) -> None:
        self.closed.append(ok)


@pytest.fixture
def walk(shop: Path) -> str:  # noqa: F811
    return str(shop / "walk.mp4")


def two(walk: str) -> list[StreamSpec]:
    return [StreamSpec(walk, "bad", loop=True), StreamSpec(walk, "good", loop=True)]


def goes_on(shown: Told) -> None:
    """Results still come."""
    frames = shown.frames
    until(lambda: shown.frames > frames + 3)


def run(specs: list[StreamSpec], toys: Pipeline, prepare: Callable[[Channel, Told], list]) -> None:  # noqa: F811
    """Have the stream "bad" fail; the rest is the same whatever failed."""
    told: dict[str, Told] = {}

    def sinks(channel: Channel) -> list:
        told[channel.name] = Told()
        return prepare(channel, told[channel.name]) if channel.name == "bad" else [told[channel.name]]

    with Session(specs, toys, sinks) as session:
        until(lambda: session.status()["bad"].ended)
        status = session.status()["bad"]
        assert status.health.state is State.FAILED and told["bad"].last == status.health
        assert session.failures() == {"bad": status.health.reason}
        assert told["bad"].closed == [True], "what came before is finished as usual"
        goes_on(told["good"])
        assert not session.wait(0) and session.status()["good"].health.state is State.LIVE
        session.live.stop()


def test_a_sink_that_fails(walk: str, toys: Pipeline) -> None:  # noqa: F811
    broken = Breaks()
    run(two(walk), toys, lambda channel, told: [told, broken])
    assert broken.frames == 4 and broken.closed == [False], "what it wrote itself is dropped"


def test_stages_that_fail(walk: str, toys: Pipeline) -> None:  # noqa: F811
    def prepare(channel: Channel, told: Told) -> list:
        def follow(*_: object) -> Garments:
            raise RuntimeError("out of memory")

        channel.pipeline.follow = follow
        return [told]

    run(two(walk), toys, prepare)


def test_a_source_that_fails(walk: str, toys: Pipeline) -> None:  # noqa: F811
    class Bad(Told):
        def watch(self, source: object) -> object:
            raise_after = iter(source)

            class Source:
                stop = staticmethod(source.stop)

                def __iter__(self) -> object:
                    yield next(raise_after)
                    raise ValueError("no such thing")

            return Source()

    broken = Bad()
    run(two(walk), toys, lambda channel, told: [told, broken])
    assert broken.last == Health(State.FAILED, "ValueError: no such thing")


def test_a_sink_that_cannot_begin(walk: str, toys: Pipeline) -> None:  # noqa: F811
    class Never(Breaks):
        def __enter__(self) -> Never:
            raise InputError("cannot write there")

    broken = Never()
    run(two(walk), toys, lambda channel, told: [told, broken])
    assert broken.closed == [] and broken.frames == 0


def test_what_can_never_be_opened_fails_alone(walk: str, toys: Pipeline, tmp_path: Path) -> None:  # noqa: F811
    shown = Told()
    specs = [
        StreamSpec("nowhere.mp4", "gone"),
        StreamSpec(walk, "shopless", catalog=str(tmp_path / "none.catalog")),
        StreamSpec(walk, "nowhere", publish="out.exe"),
        StreamSpec(walk, "good"),
    ]
    with Session(specs, toys, lambda channel: [shown]) as session:
        assert [channel.name for channel in session.channels] == ["good"] and session.number("good") == 0
        failures = session.failures()
        assert list(failures) == ["gone", "shopless", "nowhere"] and "no such file" in failures["gone"]
        assert "publish to" in failures["nowhere"] and session.status()["gone"].health.state is State.FAILED
        for name in ("gone", "shopless"):
            with pytest.raises(InputError, match="has failed"):
                session.pause(name)
        assert session.wait(60) and shown.frames > 10, "it ends when the last one has ended"
    with pytest.raises(MediaError, match="no such file"):
        Session(specs[:1] + [StreamSpec("nothing.mp4")], toys)


def test_the_only_stream_raises_what_it_fails_with(walk: str, toys: Pipeline) -> None:  # noqa: F811
    broken = Breaks()
    with pytest.raises(OSError, match="disk is full"), Session([StreamSpec(walk)], toys, lambda _: [broken]) as session:
        assert session.wait(60)
    assert broken.closed == [False]


def test_a_failed_stream_is_started_again(walk: str, toys: Pipeline) -> None:  # noqa: F811
    first, shown = Breaks(), Told()
    sinks = iter([[first], [Told()], [shown]])
    with Session(two(walk), toys, lambda channel: next(sinks)) as session:
        until(lambda: "bad" in session.failures())
        session.restart("bad")
        until(lambda: "p-tops" in shown.products)
        assert session.failures() == {} and session.number("bad") == 2 and not session.wait(0)
        with pytest.raises(InputError, match="no stream"):
            session.restart("worse")
        session.live.stop()


def test_streams_are_removed_and_their_names_are_free_again(walk: str, toys: Pipeline) -> None:  # noqa: F811
    with Session(two(walk), toys, lambda channel: [Told()]) as session:
        session.remove("bad")
        assert list(session.status()) == ["good"]
        assert session.add(StreamSpec(walk, "bad")).name == "bad" and session.number("bad") == 2
        removing = threading.Thread(target=session.remove, args=("good",))
        removing.start()
        assert session.wait(60), "the last one comes to its end"
        removing.join()
        session.live.stop()
        with pytest.raises(InputError, match="being stopped"):
            session.add(StreamSpec(walk))


def test_a_stream_that_writes_a_file_is_not_started_again(walk: str, toys: Pipeline, tmp_path: Path) -> None:  # noqa: F811
    spec = StreamSpec(walk, "kept", publish=str(tmp_path / "kept.mkv"))
    with Session([spec, StreamSpec(walk, "other")], toys) as session:
        with pytest.raises(InputError, match="written anew"):
            session.restart("kept")
        session.live.stop()


def test_the_command_goes_on_and_says_so_at_the_end(
    shop: Path,  # noqa: F811
    walk: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "run")]
    assert main(["live", "nowhere.mp4", walk, *args]) == 1
    said = capsys.readouterr()
    assert "nowhere: 0 frames" in said.out and "failed (nowhere.mp4: no such file" in said.out
    assert "walk: " in said.out and said.err.strip().splitlines()[-1].startswith(
        "asworn: the stream nowhere has failed"
    )
    assert (tmp_path / "run" / "1-walk" / "run.json").exists()
    assert main(["live", "nowhere.mp4", *args[:4]]) == 2, "the only one, as ever"


def test_a_catalogue_that_cannot_be_used_is_one_streams_alone(
    shop: Path,  # noqa: F811
    walk: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = '[[stream]]\nsource = "{}"\nname = "{}"\ncatalog = "{}"\n'
    streams = tmp_path / "streams.toml"
    args = ["live", "--streams", str(streams), "--bundle", str(shop / "toy")]
    none, good = tmp_path / "none.catalog", shop / "toy.catalog"
    streams.write_text(table.format(walk, "shopless", none) + table.format(walk, "good", good))
    assert main(args) == 1
    said = capsys.readouterr().out
    assert "shopless: 0 frames" in said and "none.catalog" in said.replace("\n", "")
    assert int(said.split("good: ")[1].split()[0]) > 10
    streams.write_text(table.format(walk, "shopless", none) + table.format(walk, "lost", tmp_path / "other.catalog"))
    assert main(args) == 2, "nothing is left to go on with"
