"""Naming streams: in a TOML file or one after the other; names that can stand in an address and hide keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.cli.main import main
from matcher.errors import ConfigError
from matcher.live.spec import StreamSpec, load_streams, named


def write(folder: Path, text: str) -> Path:
    path = folder / "streams.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_streams_of_a_file(tmp_path: Path) -> None:
    text = """
    [[stream]]
    name = "stage"
    source = "rtmp://127.0.0.1/live/stage"
    catalog = "autumn.catalog"
    publish = "rtmp://127.0.0.1/out/stage"

    [[stream]]
    source = "camera:0"
    """
    first, second = load_streams(write(tmp_path, text))
    assert first == StreamSpec("rtmp://127.0.0.1/live/stage", "stage", "autumn.catalog", "rtmp://127.0.0.1/out/stage")
    assert second == StreamSpec("camera:0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"\[\[stream\]\]"),
        ("[stream]\nsource = 'a'", r"\[\[stream\]\]"),
        ("[[stream]]\nname = 'a'", "stream 1 needs a source"),
        ("[[stream]]\nsource = ''", "needs a source"),
        ("[[stream]]\nsource = 'a'\nsauce = 1", "sauce"),
        ("[[stream]]\nsource = 'a'\nname = '../b'", "no name for a stream"),
        ("[[stream]]\nsource = 3", "source must be str"),
        ("bundle = 'x'\n[[stream]]\nsource = 'a'", "nothing else"),
        ("[[stream", "cannot read"),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_streams(write(tmp_path, text))


def test_each_stream_has_a_name_of_its_own() -> None:
    specs = [StreamSpec("/films/Walk 1.mp4"), StreamSpec("walk-1.mp4"), StreamSpec("camera:0"), StreamSpec("x", "walk")]
    assert [spec.name for spec in named(specs)] == ["walk-1", "walk-1-2", "camera-0", "walk"]


def test_a_name_made_of_an_address_holds_no_key() -> None:
    [spec] = named([StreamSpec("rtmps://user:secret@host.example/live/KEY-abc?token=t")])
    assert spec.name == "host.example"


def test_the_same_name_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="two streams"):
        named([StreamSpec("a", "one"), StreamSpec("b", "one")])
    with pytest.raises(ConfigError, match="two streams"):
        named([StreamSpec("a", "one")], taken=["one"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "name a source"),
        (["a.mp4", "b.mp4", "--publish", "rtmp://x/y/z"], "--publish is for one source"),
        (["--streams", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_the_command_says_what_is_missing(args: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", *args]) == 2 and words in capsys.readouterr().err
