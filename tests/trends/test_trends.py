"""`asworn trends` over runs whose sightings are written by hand."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from matcher.cli.main import main
from matcher.trends.runs import read_titles
from matcher.trends.tables import counts

HEAD = "product_id,title,type,first_s,last_s,screen_time_s,colours,pattern,keywords\n"
WORDS = {"tops": "long sleeves", "pants": "short pants", "skirts": "striped"}
EVIL = "<script>alert(1)</script>"


def write(folder: Path, source: str, rows: list[str], seconds: float = 100) -> Path:
    """A run with these rows: product, type, first, last, colours, pattern."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"source": source, "seconds": [0, seconds]}))
    text = HEAD
    for row in rows:
        product, kind, first, last, colours, pattern = row.split("|")
        seen = float(last) - float(first)
        words = f'"{kind}, {colours}, {WORDS[kind]}"'
        text += f'{product},{product},{kind},{first},{last},{seen},"{colours}",{pattern},{words}\n'
    (folder / "sightings.csv").write_text(text)
    return folder


@pytest.fixture()
def library(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    write(root / "a", "show.2022-03-01.mp4", ["shirt|tops|0|10|red|plain", "jeans|pants|0|10|navy, white|plain"])
    write(root / "b", "show.2023.mp4", ["shirt|tops|0|30|red|plain", f"{EVIL}|skirts|90|100|green|striped"])
    write(root / "below" / "c", "other.mp4", ["jeans|pants|50|60|navy|plain"])
    return root


def test_screen_time_is_counted_by_everything(library: Path) -> None:
    found = counts(read_titles([library]))
    by = {(c.kind, c.name, c.over, c.at): c for c in found}
    assert by["type", "tops", "all", ""].seconds == 40 and by["type", "tops", "all", ""].titles == 2
    assert by["type", "tops", "all", ""].share == pytest.approx(40 / 70)
    assert by["product", "jeans", "title", "other.mp4"].share == 1
    assert by["colour", "navy", "all", ""].seconds == 20 and by["colour", "white", "all", ""].seconds == 10
    assert by["cut", "long sleeves", "all", ""].seconds == 40 and by["cut", "short pants", "all", ""].seconds == 20
    assert {c.name for c in found if c.kind == "cut"} == {"long sleeves", "short pants"}
    assert by["type", "skirts", "part", "10"].seconds == 10
    assert by["pattern", "striped", "period", "2023"].seconds == 10
    for over in ("all", "title", "part"):
        assert sum(c.seconds for c in found if c.kind == "type" and c.over == over) == pytest.approx(70)
    for at in ("1", "2", "10"):
        shares = [c.share for c in found if (c.kind, c.over, c.at) == ("type", "part", at)]
        assert sum(shares) == pytest.approx(1 if shares else 0)


def test_dates_come_from_the_table_or_from_names(library: Path, tmp_path: Path) -> None:
    assert [t.date for t in read_titles([library])] == ["2022-03-01", "2023", ""]
    (tmp_path / "dates.csv").write_text("title,date\nother,1999-07\nshow.2023.mp4,2021\n")
    assert [(t.name, t.date) for t in read_titles([library], tmp_path / "dates.csv")] == [
        ("other.mp4", "1999-07"),
        ("show.2023.mp4", "2021"),
        ("show.2022-03-01.mp4", "2022-03-01"),
    ]
    write(tmp_path / "d", "2001.1968.x264.1080p.mkv", [])
    assert read_titles([tmp_path / "d"])[0].date == "1968"


def test_the_command_writes_tables_and_a_page(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "trends"
    assert main(["trends", str(library), "--out", str(out)]) == 0
    assert "3 titles, 2 of them with a date" in capsys.readouterr().out
    rows = list(csv.DictReader((out / "trends.csv").read_text("utf-8").splitlines()))
    record = json.loads((out / "trends.json").read_text("utf-8"))
    assert len(rows) == len(record["counts"]) and len(record["titles"]) == 3
    assert rows[0] | {"screen_time_s": "", "share": ""} == {
        **{"kind": "type", "name": "tops", "over": "all", "at": ""},
        **{"screen_time_s": "", "share": "", "appearances": "2", "titles": "2"},
    }
    page = (out / "trends.html").read_text("utf-8")
    assert EVIL not in page and "&lt;script&gt;" in page and "<script" not in page
    assert not re.search(r'(src|href)="(?!data:,)', page)
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" fill', page)]
    assert heights and max(heights) <= 220.01


def test_columns_of_a_chart_are_full(library: Path) -> None:
    from matcher.trends.page import render_trends

    titles = read_titles([library])
    page = render_trends(titles, counts(titles))
    charts = re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert charts
    for chart in charts:
        columns: dict[str, float] = {}
        for x, high in re.findall(r'<rect class="edge" x="([\d.]+)"[^>]* height="([\d.]+)"', chart):
            columns[x] = columns.get(x, 0) + float(high)
        assert all(total == pytest.approx(220, abs=0.5) for total in columns.values())


@pytest.mark.parametrize(
    ("damage", "says"), [("none", "no finished run"), ("table", "asworn report"), ("old", "older"), ("dates", "line 2")]
)
def test_mistakes_are_told(
    damage: str, says: str, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    args = ["trends", str(library), "--out", str(tmp_path / "t")]
    if damage == "none":
        (tmp_path / "empty").mkdir()
        args[1] = str(tmp_path / "empty")
    elif damage == "table":
        (library / "a" / "sightings.csv").unlink()
    elif damage == "old":
        (library / "a" / "run.json").write_text('{"source": "a"}')
    else:
        (tmp_path / "d.csv").write_text("title,date\nother,soon\n")
        args += ["--dates", str(tmp_path / "d.csv")]
    assert main(args) == 2
    assert says in capsys.readouterr().err
