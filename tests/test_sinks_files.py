"""What every sink promises, and the contents of the plain files, read back by other readers."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import InputError
from matcher.sinks.base import Sink
from matcher.sinks.jsonl import JsonlSink
from matcher.sinks.report import Report
from matcher.sinks.run_json import run_record, write_run
from matcher.sinks.safe import safe_cell, safe_link
from matcher.sinks.table import COLUMNS
from matcher.sinks.video import OverlaySink
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments, Product
from matcher.video.open import open_video
from tests import clips
from tests.test_video_writer import FFPROBE

NASTY = '=HYPERLINK("http://x")<script>alert(1)</script>'
PRODUCTS = {
    0: Product(
        "shirt-1", "Gestreiftes „Hemd“, lang", "tops", price=49.9, currency="EUR", link="https://shop.example/1"
    ),
    1: Product("-2", NASTY, "pants", link="javascript:alert(1)"),
}


def garments(count: int = 2) -> Garments:
    return Garments(
        np.array([[10, 10.26, 60, 100], [5, 5, 155, 115.5]], np.float32)[:count],
        np.array([0.91234567, 0.5])[:count],
        mask=np.ones((count, 28, 28)),
        type_probs=np.eye(11)[[10, 8]][:count] * 0.87,
        track_id=np.array([3, 4])[:count],
        product_row=np.array([[0, 1, -1], [1, 7, -1]])[:count],
        match_score=np.array([[0.9, 0.4, -1], [0.7, 0.6, -1]])[:count],
        tier=np.array([EXACT, SIMILAR])[:count],
    ).with_products(PRODUCTS.get)


def frames(stamps: Sequence[int] = (0, 40, 80, 120), unit: Fraction = Fraction(1, 1000)) -> list[Frame]:
    return [Frame(clips.picture(i), pts, unit, "clip.mp4", i) for i, pts in enumerate(stamps)]


MAKERS: dict[str, tuple[Callable[[Path], Sink], tuple[str, ...]]] = {
    "jsonl": (lambda folder: JsonlSink(folder / "frames.jsonl"), ("frames.jsonl",)),
    "overlay": (lambda folder: OverlaySink(folder / "overlay.mp4", Fraction(25)), ("overlay.mp4",)),
    "report": (Report, ("report.html", "sightings.csv")),
    "table": (lambda folder: Report(folder / "show.csv"), ("show.csv",)),
    "page": (lambda folder: Report(folder / "show.html"), ("show.html",)),
}


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_sink_leaves_its_files_and_no_others(kind: str, tmp_path: Path) -> None:
    make, names = MAKERS[kind]
    folder = tmp_path / "new" / "folder"
    sink = make(folder)
    assert isinstance(sink, Sink)
    with sink:
        for frame in frames():
            sink.write(frame, garments())
    sink.close()  # again, without harm
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    assert all(p.stat().st_size > 100 for p in folder.iterdir())


def test_after_a_failure_the_older_files_are_as_they_were(kind: str, tmp_path: Path) -> None:
    make, names = MAKERS[kind]
    for name in names:
        (tmp_path / name).write_text("older")
    with pytest.raises(KeyboardInterrupt), make(tmp_path) as sink:
        sink.write(frames()[0], garments())
        raise KeyboardInterrupt
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(names, "older")


def test_no_frames_and_frames_without_garments(kind: str, tmp_path: Path) -> None:
    make, _ = MAKERS[kind]
    with make(tmp_path / "none"):
        pass
    with make(tmp_path / "empty") as sink:
        for frame in frames():
            sink.write(frame, Garments.empty())


def test_a_folder_that_cannot_be_made_is_told_at_once(kind: str, tmp_path: Path) -> None:
    make, _ = MAKERS[kind]
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="folder"):
        sink = make(tmp_path / "file")
        sink.write(frames()[0], garments())


def test_jsonl_is_the_documented_format(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "frames.jsonl") as sink:
        for frame in frames((0, 40)):
            sink.write(frame, garments())
    lines = (tmp_path / "frames.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["pts"] for line in lines] == [0, 40]
    assert json.loads(lines[1]) == {
        "pts": 40,
        "frame": 1,
        "detected": True,
        "time": 0.04,
        "garments": [
            {
                "box": [10.0, 10.3, 60.0, 100.0],
                "score": 0.9123,
                "type": "tops",
                "type_score": 0.87,
                "track": 3,
                "tier": "exact",
                "products": [{"id": "shirt-1", "score": 0.9}, {"id": "-2", "score": 0.4}],
            },
            {
                "box": [5.0, 5.0, 155.0, 115.5],
                "score": 0.5,
                "type": "pants",
                "type_score": 0.87,
                "track": 4,
                "tier": "similar",
                "products": [{"id": "-2", "score": 0.7}],  # row 7 is gone from the catalogue
            },
        ],
    }


def test_jsonl_of_an_untracked_garment_and_of_bad_numbers_is_valid_json(tmp_path: Path) -> None:
    odd = Garments(np.array([[0, np.nan, np.inf, 1]]), np.array([np.nan]), type_probs=np.eye(11)[:1])
    with JsonlSink(tmp_path / "f.jsonl", PRODUCTS.get) as sink:
        sink.write(frames()[0], odd.with_columns(track_id=np.array([-1])))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    (garment,) = json.loads((tmp_path / "f.jsonl").read_text(), parse_constant=refuse)["garments"]
    assert garment["box"] == [0.0, None, None, 1.0] and garment["score"] is garment["track"] is None
    assert garment["products"] == []


def test_the_table_has_its_columns_exact_times_and_no_formulas(tmp_path: Path) -> None:
    path = clips.encode(tmp_path / "in.mov", list(range(48)), Fraction(1001, 30_000), timecode="01:00:00;00")
    shots = iter(range(1, 100))
    with (
        open_video(path) as video,
        Report(tmp_path / "out", video, PRODUCTS.get, shot=lambda: next(shots) // 31 + 1) as r,
    ):
        for frame in video:
            r.write(frame, garments(1 if frame.index < 24 else 2))
    with open(tmp_path / "out" / "sightings.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["product_id"], row["shot"], row["tier"]) for row in rows] == [
        ("shirt-1", "1", "exact"),
        ("'-2", "1", "similar"),
        ("'-2", "2", "similar"),
        ("shirt-1", "2", "exact"),
    ]
    assert rows[1] | {"best_frame": ""} == {
        "product_id": "'-2",
        "title": "'" + NASTY,
        "link": "",
        "type": "pants",
        "tier": "similar",
        "first_timecode": "01:00:00;24",
        "last_timecode": "01:00:01;00",
        "first_s": "0.801",
        "last_s": "1.001",
        "screen_time_s": "0.200",
        "mean_score": "0.7000",
        "best_frame": "",
        "shot": "1",
        "track": "4",
        "disclosure": "",
        "colours": "",
        "pattern": "",
        "keywords": "pants",
        "outfit": "1",
        "attributes": "",
    }
    assert rows[-1]["last_s"] == f"{48 * 1.001 / 30:.3f}"  # the end of the last frame


def test_timecodes_of_a_part_count_from_the_first_frame_of_the_video(tmp_path: Path) -> None:
    source = clips.late_start(tmp_path)
    with open_video(source.path) as video, Report(tmp_path / "part", video) as report:
        for frame in video:
            if frame.index >= 10:
                report.write(frame, garments(1))
    (seen,) = report.sightings
    assert seen.first == source.times[10] == Fraction(45, 25)
    assert report.timecode.format(seen.first) == "00:00:00:10"


def test_a_variable_rate_is_said_on_the_page(tmp_path: Path) -> None:
    with open_video(clips.variable(tmp_path).path) as video, Report(tmp_path / "r.html", video) as report:
        for frame in video:
            report.write(frame, Garments.empty())
    assert "varies" in report.timecode.note
    assert report.timecode.note in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize("case", ["constant", "webm", "rotated"])
def test_a_constant_rate_is_not_called_variable(case: str, tmp_path: Path) -> None:
    with open_video(clips.CLIPS[case](tmp_path).path) as video, Report(tmp_path / "r.csv", video) as report:
        for frame in video:
            if frame.index != 7:  # a skipped frame does not make the rate variable
                report.write(frame, Garments.empty())
    assert report.timecode.note == ""
    assert report.timecode.rate in (Fraction(30_000, 1001), 25)


def test_a_report_works_without_knowing_the_video(tmp_path: Path) -> None:
    with Report(tmp_path / "r.csv") as report:
        for frame in frames([1001 * i for i in range(40)], Fraction(1, 30_000)):
            report.write(frame, garments())
    assert report.timecode.rate == Fraction(30_000, 1001)
    assert [s.product.id for s in report.sightings] == ["-2", "shirt-1"]
    assert report.sightings[0].last == 40 * Fraction(1001, 30_000)


@pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")
def test_the_overlay_has_the_source_times(tmp_path: Path) -> None:
    source = clips.variable(tmp_path)
    with open_video(source.path) as video, OverlaySink(tmp_path / "overlay.mp4", video.rate) as sink:
        for frame in video:
            sink.write(frame, garments())
    command = [FFPROBE, "-v", "error", "-show_entries", "frame=pts_time", "-of", "json", tmp_path / "overlay.mp4"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["frames"]
    assert [float(f["pts_time"]) for f in told] == pytest.approx([float(t) for t in source.times], abs=1e-6)
    with open_video(tmp_path / "overlay.mp4") as video:
        plain, drawn = clips.picture(0), next(iter(video)).image
    assert np.abs(plain.astype(int) - drawn).mean() > 10  # something is drawn


def test_run_json(tmp_path: Path) -> None:
    times = {"detect": np.arange(1, 101), "track": [0.5], "embed": [], "settle": [1.0, float("nan")]}
    record = run_record(
        "clip.mp4", 300, 12.0, times, {"name": "tiny", "hash": "ab"}, {"generation": 3}, corrupt=2, cut=True
    )
    write_run(tmp_path / "run.json", record)
    read = json.loads((tmp_path / "run.json").read_text())
    assert read["fps"] == 25.0 and read["frames"] == 300 and read["cut"] is True
    assert read["stages_ms"]["detect"] == {"p50": 50.5, "p95": 95.05, "p99": 99.01}
    assert set(read["stages_ms"]) == {"detect", "track", "settle"}
    assert (read["dropped"], read["corrupt"]) == (0, 2)
    assert read["bundle"]["hash"] == "ab" and read["catalogue"]["generation"] == 3
    assert {"asworn", "python", "numpy", "av"} <= set(read["versions"])
    assert run_record("x", 0, 0.0, {})["fps"] is None


def test_not_settled_garments_are_no_sightings(tmp_path: Path) -> None:
    with Report(tmp_path / "r.csv") as report:
        for frame in frames():
            report.write(frame, garments().with_columns(tier=np.array([NONE, NONE])))
    assert report.sightings == []


LINKS = [
    ("https://shop.example/a?b=c", True),
    (" http://shop.example ", True),
    ("HTTPS://shop.example/", True),
    ("javascript:alert(1)", False),
    ("data:text/html,<script>", False),
    ("//shop.example/a", False),
    ("https://", False),
    ("https://a\nb", False),
    ("http://[bad", False),
    ("ftp://shop.example/", False),
    ("", False),
]


@pytest.mark.parametrize(("link", "good"), LINKS)
def test_only_web_links_are_kept(link: str, good: bool) -> None:
    assert safe_link(link) == (link.strip() if good else "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_formulas_are_quoted(text: str) -> None:
    assert safe_cell(text) == "'" + text
    assert safe_cell("a" + text) == "a" + text
