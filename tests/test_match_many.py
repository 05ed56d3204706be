"""`asworn match-many` on folders of toy films: each film once, whatever happens in between."""

from __future__ import annotations

import json
import os
import shutil
from itertools import islice
from pathlib import Path

import pytest
import typer

from indexer.cli_films import match_many
from indexer.films.library import Film, FilmSettings, find_films
from indexer.films.work import FilmWorker, match_here, match_on_cluster
from matcher.cli import main as command_line
from matcher.cli.commands import as_command
from matcher.cli.main import main
from matcher.errors import CatalogError, InputError
from matcher.video.writer import VideoWriter
from tests.test_pipeline import walk
from tests.toy_bundle import make_bundle
from tests.toy_shop import write_shop

COUNT = 8


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundle `toy`, catalogue `toy.catalog` and `films` with three of them, one in a folder below."""
    folder = tmp_path_factory.mktemp("library")
    write_shop(folder / "toy.catalog", make_bundle(folder / "toy"))
    for number, name in enumerate(("one.2023.mp4", "two.2024.mp4", "below/three.mp4")):
        path = folder / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = list(islice(walk(COUNT + number), COUNT + number))
        with VideoWriter(path, frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
            for frame in frames:
                writer.write(frame.image, frame.pts)
    return folder


@pytest.fixture()
def films(shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop / "films", tmp_path / "films"))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in, as it is after installation."""
    found = command_line.app.info.cls.get_command
    ours = as_command(match_many, "match-many")
    monkeypatch.setattr(
        command_line.app.info.cls,
        "get_command",
        lambda self, ctx, name: ours if name == "match-many" else found(self, ctx, name),
    )


def run(shop: Path, films: Path, *more: str) -> int:
    where = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--out", str(films.parent / "out")]
    return main(["match-many", str(films), *where, *more])


def stamps(out: Path) -> dict[str, int]:
    return {str(p.relative_to(out)): p.stat().st_mtime_ns for p in sorted(out.rglob("run.json"))}


def test_each_film_is_matched_once(shop: Path, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = films.parent / "out"
    assert run(shop, films) == 0
    first = stamps(out)
    assert set(first) == {f"{name}/run.json" for name in ("one.2023.mp4", "two.2024.mp4", "below/three.mp4")}
    assert (out / "below/three.mp4/report.html").is_file()
    assert run(shop, films) == 0 and stamps(out) == first
    assert "3 films, 3 of them done already" in capsys.readouterr().out


def test_what_changed_is_done_again_and_nothing_else(shop: Path, films: Path) -> None:
    out = films.parent / "out"
    run(shop, films)
    first = stamps(out)
    os.utime(films / "one.2023.mp4")  # a new time, the same content
    shutil.copy(films / "two.2024.mp4", films / "below/three.mp4")
    assert run(shop, films) == 0
    again = stamps(out)
    assert {name for name in first if first[name] != again[name]} == {"below/three.mp4/run.json"}
    assert run(shop, films, "--export", "vtt") == 0
    assert all(stamps(out)[name] != again[name] for name in first), "other settings: all again"
    assert (out / "two.2024.mp4/products.vtt").is_file()


def test_it_goes_on_after_being_stopped(shop: Path, films: Path) -> None:
    settings = FilmSettings(str(shop / "toy.catalog"), bundle=str(shop / "toy"))
    out = films.parent / "out"
    todo = find_films(films, out, settings)
    assert [film.done for film in todo] == [False] * 3
    assert next(match_here(todo, settings)).frames == 10  # one film, then the process ends
    assert [film.done for film in find_films(films, out, settings)] == [True, False, False]
    (todo[0].folder / "run.json").write_text("{")  # cut by a full disk
    assert not any(film.done for film in find_films(films, out, settings))


def test_a_broken_film_stops_no_other(shop: Path, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (films / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 100)
    assert run(shop, films) == 2
    said = capsys.readouterr()
    assert "3 films matched, 1 failed" in said.out and "broken.mp4" in said.err
    assert len(stamps(films.parent / "out")) == 3


def test_results_among_the_films_are_no_films(shop: Path, films: Path) -> None:
    settings = FilmSettings(str(shop / "toy.catalog"), bundle=str(shop / "toy"))
    (films / "out").mkdir()
    shutil.copy(films / "one.2023.mp4", films / "out" / "overlay.mp4")
    assert len(find_films(films, films / "out", settings)) == 3


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--workers", "2"], "--distributed"),
        (["--export", "pdf"], "no export"),
        (["--config", "none.toml"], "settings"),
    ],
)
def test_mistakes_are_told(shop: Path, films: Path, more: list[str], says: str, capsys: pytest.CaptureFixture) -> None:
    assert run(shop, films, *more) == 2
    assert says in capsys.readouterr().err


def test_an_empty_folder_and_a_second_run_at_once(shop: Path, films: Path, tmp_path: Path) -> None:
    from matcher.catalog.lock import WriterLock

    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no films"):
        find_films(
            tmp_path / "empty", tmp_path / "out", FilmSettings(str(shop / "toy.catalog"), bundle=str(shop / "toy"))
        )
    out = films.parent / "out"
    out.mkdir(exist_ok=True)
    held = WriterLock(out / ".lock")
    assert run(shop, films) == CatalogError.exit_status
    held.release()
    assert run(shop, films) == 0


def test_a_worker_matches_as_this_process_does(shop: Path, films: Path) -> None:
    settings = FilmSettings(str(shop / "toy.catalog"), bundle=str(shop / "toy"), threads=1)
    here = find_films(films, films.parent / "here", settings)
    there = find_films(films, films.parent / "there", settings)
    worker = FilmWorker(settings)
    assert [o.frames for o in match_here(here, settings)] == [worker.match(film).frames for film in there]
    for a, b in zip(here, there, strict=True):
        assert (a.folder / "sightings.csv").read_bytes() == (b.folder / "sightings.csv").read_bytes()
    assert "no such file" in worker.match(Film(films / "gone.mp4", films.parent / "x", "")).error


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_on_a_cluster_of_this_machine(shop: Path, films: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    settings = FilmSettings(str(shop / "toy.catalog"), bundle=str(shop / "toy"), threads=1)
    todo = find_films(films, films.parent / "out", settings)
    found = {o.path.name: o for o in match_on_cluster(todo, settings, workers=2)}
    assert {name: (o.frames, o.error) for name, o in found.items()} == {
        "one.2023.mp4": (8, ""),
        "two.2024.mp4": (9, ""),
        "three.mp4": (10, ""),
    }
    assert all(film.done for film in find_films(films, films.parent / "out", settings))
    record = json.loads((todo[0].folder / "run.json").read_text())
    assert record["frames"] == 10


def test_help_names_it() -> None:
    assert isinstance(as_command(match_many, "match-many"), typer.core.TyperCommand)
