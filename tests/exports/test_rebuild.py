"""A finished run whose reports are made again."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from matcher.cli.main import main
from tests.test_sinks_report import data_of


@pytest.fixture()
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def thumbs(run: Path) -> int:
    """How many pictures its page has."""
    return len(data_of((run / "report.html").read_text("utf-8"))["thumbs"])


def test_the_table_and_the_exports_come_out_as_they_were(run: Path, copy: Path) -> None:
    names = ["sightings.csv", "timeline.edl", "timeline.xml", "products.vtt", "chapters.txt", "detections.coco.json"]
    for name in names:
        (copy / name).unlink()
    assert main(["report", str(copy), "--export", "all"]) == 0
    for name in names:
        assert (copy / name).read_bytes() == (run / name).read_bytes(), name


def test_what_is_held_is_shown_but_was_not_seen(run: Path, copy: Path) -> None:
    def told(folder: Path) -> tuple[float, int]:
        with (folder / "sightings.csv").open(newline="", encoding="utf-8") as file:
            times = {row["product_id"]: float(row["screen_time_s"]) for row in csv.DictReader(file)}
        return times["p-tops"], len(json.loads((folder / "detections.coco.json").read_text())["annotations"])

    lines = [json.loads(line) for line in (copy / "frames.jsonl").read_text().splitlines()]
    for line in lines[10:16]:
        next(row for row in line["garments"] if row["type"] == "tops")["held"] = True
    (copy / "frames.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["report", str(copy), "--export", "all"]) == 0
    (before, boxes), (after, fewer) = told(run), told(copy)
    assert before - after == pytest.approx(6 * 1001 / 30_000, abs=0.002) and boxes - fewer == 6


def test_the_page_has_pictures_where_the_film_is_given(run: Path, copy: Path, film: Path) -> None:
    assert main(["report", str(copy)]) == 0
    without = thumbs(copy)
    assert main(["report", str(copy), "--video", str(film / "film.mp4")]) == 0
    assert without == 0 and thumbs(copy) == thumbs(run) > 0


def test_the_catalogue_gives_newer_texts(copy: Path, film: Path) -> None:
    record = json.loads((copy / "run.json").read_text())
    record["products"]["p-tops"]["title"] = "An older title"
    (copy / "run.json").write_text(json.dumps(record))
    assert main(["report", str(copy)]) == 0
    assert "An older title" in (copy / "sightings.csv").read_text()
    assert main(["report", str(copy), "--catalog", str(film / "toy.catalog")]) == 0
    assert "An older title" not in (copy / "sightings.csv").read_text()


@pytest.mark.parametrize("damage", ["none", "no run", "no video", "cut line", "no result"])
def test_what_cannot_be_read_is_said(damage: str, copy: Path, capsys: pytest.CaptureFixture) -> None:
    frames = copy / "frames.jsonl"
    if damage == "no run":
        (copy / "run.json").unlink()
    elif damage == "no video":
        (copy / "run.json").write_text('{"frames": 1}')
    elif damage == "cut line":
        frames.write_text(frames.read_text()[:-40])
    elif damage == "no result":
        frames.write_text('{"garments": [{"box": 1}]}\n')
    before = (copy / "sightings.csv").read_bytes()
    assert main(["report", str(copy)]) == (0 if damage == "none" else 2)
    assert (copy / "sightings.csv").read_bytes() == before
    assert damage == "none" or "match" in capsys.readouterr().err
