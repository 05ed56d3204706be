"""Every export, read back by the program that it is meant for."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import subprocess
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from matcher.cli.main import main
from matcher.exports.finished import Finished
from matcher.exports.timeline import write_edl
from matcher.sightings import Sighting
from matcher.sinks.facts import ReportFacts
from matcher.timecode import Timecode
from matcher.types import EXACT, Product
from tests.exports.conftest import COUNT, RATE, START


def rows(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "sightings.csv").read_text("utf-8").splitlines()))


def otio() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import opentimelineio

        opentimelineio.adapters.available_adapter_names()
    return opentimelineio


def markers(run: Path, file: str, **how: Any) -> list[Any]:
    """Markers of the only clip, in order."""
    library = otio()
    timeline = library.adapters.read_from_file(str(run / file), **how)
    if not hasattr(timeline, "find_clips"):
        timeline = timeline[0]
    (clip,) = timeline.find_clips()
    return list(clip.markers)


def test_the_table_counts_drop_frame_from_the_start_timecode(run: Path) -> None:
    found = rows(run)
    assert {row["product_id"] for row in found} == {"p-tops", "p-pants", "p-bags"}
    top = next(row for row in found if row["product_id"] == "p-tops")
    assert top["first_timecode"] == START
    # 40 frames after 00:00:59;10: twenty to the minute, then two numbers are left out.
    assert top["last_timecode"] == "00:01:00;22"
    assert {row["shot"] for row in found} == {"1", "2"}


def test_opentimelineio_reads_its_own(run: Path) -> None:
    found, table = markers(run, "timeline.otio"), rows(run)
    assert len(found) == len(table)
    for marker, row in zip(found, table, strict=True):
        begin = marker.marked_range.start_time
        assert begin.rate == pytest.approx(float(RATE))
        assert begin.to_timecode(begin.rate) == row["first_timecode"]
        assert marker.marked_range.end_time_exclusive().to_timecode(begin.rate) == row["last_timecode"]
        assert marker.metadata["asworn"]["product_id"] == row["product_id"]
        assert marker.color == ("GREEN" if row["tier"] == "exact" else "YELLOW")
    library = otio()
    clip = library.adapters.read_from_file(str(run / "timeline.otio")).find_clips()[0]
    assert clip.available_range().duration.value == COUNT


def test_opentimelineio_reads_the_edl(run: Path) -> None:
    text = (run / "timeline.edl").read_text()
    assert text.splitlines()[1] == "FCM: DROP FRAME"
    library = otio()
    timeline = library.adapters.read_from_file(str(run / "timeline.edl"), rate=float(RATE))
    (clip,) = timeline.find_clips()
    first = library.opentime.from_timecode(START, float(RATE))
    assert clip.source_range.start_time == first and clip.source_range.duration.value == COUNT
    # The reader takes locators without drop-frame only; editing systems read both.
    found = re.findall(r"^\* LOC: (\S+) (\w+) +(.*)$", text, re.MULTILINE)
    assert [code for code, _, _ in found] == [row["first_timecode"] for row in rows(run)]
    assert all(row["title"].upper() in name for (_, _, name), row in zip(found, rows(run), strict=True))
    event = re.search(r"C +(\S+) (\S+) (\S+) (\S+)$", text, re.MULTILINE)
    assert event[1] == event[3] == START and event[2] == event[4], "record times are source times"


def test_opentimelineio_reads_the_locators_of_an_edl_without_drop_frame(tmp_path: Path) -> None:
    code = Timecode.of(Fraction(25), "10:00:00:00", Fraction(7, 5))
    facts = ReportFacts("a film: cut.mov", (640, 360), 100, Fraction(7, 5), Fraction(27, 5), code)
    times = [(Fraction(7, 5), Fraction(12, 5)), (Fraction(3), Fraction(5))]
    seen = [
        Sighting(Product(f"p{i}", f'Shirt\n{i} --> "x"'), EXACT, *span, span[1] - span[0], 0.9, 0, 1, (1,), "tops")
        for i, span in enumerate(times)
    ]
    write_edl(Finished(seen, facts, tmp_path / "none"), tmp_path / "timeline.edl")
    found = markers(tmp_path, "timeline.edl", rate=25)
    assert [m.marked_range.start_time.to_timecode() for m in found] == ["10:00:00:00", "10:00:01:15"]
    assert found[1].name.startswith("SHIRT 1")


def test_opentimelineio_reads_the_fcp_xml(run: Path) -> None:
    found, exact = markers(run, "timeline.xml"), markers(run, "timeline.otio")
    assert [m.marked_range for m in found] == [m.marked_range for m in exact]
    assert {m.name.rsplit(" (", 1)[0] for m in found} == {row["title"] for row in rows(run)}


def test_ffmpeg_reads_the_metadata_track(run: Path) -> None:
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_data", "-of", "json", str(run / "products.vtt")]
    packets = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["packets"]
    assert len(packets) == len(rows(run))
    for packet, row in zip(packets, rows(run), strict=True):
        assert float(packet["pts_time"]) == pytest.approx(float(row["first_s"]), abs=0.0011)
        assert float(packet["duration_time"]) == pytest.approx(float(row["last_s"]) - float(row["first_s"]), abs=0.0021)
    cues = (run / "products.vtt").read_text("utf-8").split("\n\n")[1:]
    assert [json.loads(cue.splitlines()[2])["product_id"] for cue in cues] == [row["product_id"] for row in rows(run)]


def test_ffmpeg_takes_the_chapters(run: Path, film: Path, tmp_path: Path) -> None:
    made = tmp_path / "chaptered.mkv"
    command = ["ffmpeg", "-v", "error", "-i", film / "film.mp4", "-i", run / "chapters.txt", "-map_metadata", "0"]
    subprocess.run([*command, "-map_chapters", "1", "-map", "0:v", "-codec", "copy", made], check=True)
    probe = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(made)]
    found = json.loads(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)["chapters"]
    assert [c["tags"]["title"].split(":")[0] for c in found] == ["Shot 1", "Shot 2"]
    assert float(found[1]["start_time"]) == pytest.approx(float(40 / RATE), abs=0.001)
    assert "A bags" in found[1]["tags"]["title"] and "A tops" in found[0]["tags"]["title"]


def test_pyarrow_reads_the_tables(run: Path) -> None:
    from pyarrow import parquet

    seen, table = parquet.read_table(run / "sightings.parquet").to_pylist(), rows(run)
    assert [(s["product_id"], s["first_timecode"], s["tier"]) for s in seen] == [
        (row["product_id"], row["first_timecode"], row["tier"]) for row in table
    ]
    lines = [json.loads(line) for line in (run / "frames.jsonl").read_text().splitlines()]
    found = parquet.read_table(run / "detections.parquet")
    assert found.num_rows == sum(len(line["garments"]) for line in lines)
    first = found.slice(0, 1).to_pylist()[0]
    box = lines[0]["garments"][0]["box"]
    assert [first["x0"], first["y0"], first["x1"], first["y1"]] == pytest.approx(box, abs=0.01)


def test_pycocotools_reads_the_detections(run: Path) -> None:
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(run / "detections.coco.json"))
    lines = [json.loads(line) for line in (run / "frames.jsonl").read_text().splitlines()]
    assert len(coco.getImgIds()) == COUNT
    for line in lines[::7]:
        found = coco.loadAnns(coco.getAnnIds(imgIds=[line["frame"]]))
        names = [coco.loadCats([a["category_id"]])[0]["name"] for a in found]
        assert names == [g["type"] for g in line["garments"]]
        for annotation, garment in zip(found, line["garments"], strict=True):
            x0, y0, x1, y1 = garment["box"]
            assert annotation["bbox"] == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=0.06)


@pytest.mark.parametrize("names", ["pdf", "otio,avid"])
def test_an_unknown_export_is_named_before_any_work(names: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["match", "absent.mp4", "--out", str(tmp_path / "out"), "--export", names]) == 2
    said = capsys.readouterr().err
    assert names.split(",")[-1] in said and "chapters" in said


def test_a_missing_library_is_told_with_the_remedy(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert main(["report", str(run), "--export", "parquet"]) == 2
    assert "pip install 'asworn[report]'" in capsys.readouterr().err
