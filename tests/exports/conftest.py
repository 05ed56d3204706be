"""One finished run, with two shots, a start timecode and every export, made once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from matcher.cli.main import main
from matcher.types import Frame
from matcher.video.writer import VideoWriter
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop

RATE = Fraction(30_000, 1001)
COUNT = 60
START = "00:00:59;10"  # a minute of drop-frame timecode ends inside the clip


def scenes() -> Iterator[Frame]:
    """Top and trousers for forty frames, then another picture: a bag alone."""
    for i in range(COUNT):
        worn = {"tops": (100 + i, 50, 200 + i, 150), "pants": (100 + i, 160, 200 + i, 300)}
        second = {"bags": (400 - i, 100, 470 - i, 190)}
        image = paint((640, 360), worn if i < 40 else second, ground=120 if i < 40 else 30)
        yield Frame(image, i, 1 / RATE, "film", i)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundle `toy`, catalogue `toy.catalog` and `film.mp4` at 29.97 frames a second, drop-frame."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the program ffmpeg")
    folder = tmp_path_factory.mktemp("film")
    write_shop(folder / "toy.catalog", make_bundle(folder / "toy"))
    with VideoWriter(folder / "plain.mp4", (640, 360), RATE, 1 / RATE) as writer:
        for frame in scenes():
            writer.write(frame.image, frame.pts)
    command = ["ffmpeg", "-v", "error", "-i", str(folder / "plain.mp4"), "-c", "copy", "-timecode", START]
    subprocess.run([*command, str(folder / "film.mp4")], check=True)
    return folder


@pytest.fixture(scope="session")
def run(film: Path) -> Path:
    """The folder of the finished run; tests only read it, or copy it."""
    pytest.importorskip("opentimelineio", reason="needs the extra [report]")
    pytest.importorskip("pyarrow", reason="needs the extra [report]")
    where = ["--catalog", str(film / "toy.catalog"), "--bundle", str(film / "toy"), "--out", str(film / "run")]
    assert main(["match", str(film / "film.mp4"), *where, "--export", "all"]) == 0
    return film / "run"
