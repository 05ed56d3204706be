"""Writing: a generation appears whole or not at all, whoever dies, and one writer works at a time."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.errors import CatalogError
from matcher.taxonomy import TYPES
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, normalised, random_entries, random_queries, write_catalog
from tests.test_catalog import one_hot

VECTOR = normalised(np.ones((1, DIMENSION)))
ROOT = Path(__file__).parent.parent


def names(folder: Path) -> list[str]:
    """Names of what is in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


def crash(*arguments: str) -> list[str]:
    """Command line of the program that lets writers die."""
    return [sys.executable, "-m", "tests.catalog_crash", *arguments]


def test_the_last_two_generations_stay(tmp_path: Path) -> None:
    for seed in range(4):
        write_catalog(tmp_path, random_entries(seed, 5))
    assert names(tmp_path) == ["CURRENT", "gen-000003", "gen-000004"]
    assert Catalog.load(tmp_path).generation == 4


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with CatalogWriter(folder, DIMENSION, EMBEDDER) as writer:
        writer.add(Product("a", type="tops"), VECTOR)
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt), CatalogWriter(folder, DIMENSION, EMBEDDER) as writer:
        writer.add(Product("a", type="tops"), VECTOR)
        raise KeyboardInterrupt
    assert not folder.exists()
    write_catalog(folder, random_entries(1, 5))
    before = names(folder)
    with CatalogWriter(folder, DIMENSION, EMBEDDER) as writer:
        writer.add(Product("a", type="tops"), VECTOR)
    assert names(folder) == before and len(Catalog.load(folder)) == 5


def test_an_interruption_during_the_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_catalog(tmp_path, random_entries(1, 5))
    replace = os.replace

    def interrupted(when: str) -> Callable[..., None]:
        def stand_in(*paths: Path) -> None:
            if when == "after":
                replace(*paths)
            raise KeyboardInterrupt

        return stand_in

    for when, generation in (("before", 1), ("after", 2)):
        monkeypatch.setattr(os, "replace", interrupted(when))
        with pytest.raises(KeyboardInterrupt):
            write_catalog(tmp_path, random_entries(2, 7))
        monkeypatch.setattr(os, "replace", replace)
        assert Catalog.load(tmp_path).generation == generation
        assert "writer.lock" not in names(tmp_path) and not any(name.startswith("partial-") for name in names(tmp_path))


def test_the_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with CatalogWriter(tmp_path, DIMENSION, EMBEDDER) as writer:
        with pytest.raises(CatalogError, match=f"being written by process {os.getpid()} on .+; wait for it"):
            CatalogWriter(tmp_path, DIMENSION, EMBEDDER)
        writer.add(Product("a", type="tops"), VECTOR)
        writer.commit()
    write_catalog(tmp_path, random_entries(1, 5))
    assert len(Catalog.load(tmp_path)) == 5


def test_many_writers_at_once_take_turns(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def write(seed: int) -> None:
        try:
            write_catalog(tmp_path, random_entries(seed, 5))
            outcomes.append("written")
        except CatalogError as error:
            outcomes.append("told" if "being written by" in str(error) else str(error))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"written", "told"} and "written" in outcomes
    assert Catalog.load(tmp_path).generation == outcomes.count("written")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")
def test_killed_at_every_step(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(crash(str(tmp_path / "c")), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_killed_at_random_moments(tmp_path: Path) -> None:
    moments = random.Random(1)
    for _ in range(4):
        with subprocess.Popen(crash(str(tmp_path), "forever"), cwd=ROOT, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            writer.kill()
        assert len(Catalog.load(tmp_path)) == 20
    write_catalog(tmp_path, random_entries(1, 5))
    assert len(names(tmp_path)) == 3


def test_refresh_finds_a_new_generation(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path, random_entries(1, 5)), EMBEDDER)
    before = catalog.snapshot()
    assert not catalog.refresh()
    write_catalog(tmp_path, random_entries(2, 7))
    assert len(catalog) == 5
    assert catalog.refresh() and not catalog.refresh()
    assert len(catalog) == 7 and catalog.generation == 2 and catalog.hash != before.hash
    for seed in range(3):
        write_catalog(tmp_path, random_entries(seed, 6))
    # Its folder is gone, and it still answers.
    assert not before.folder.exists()
    assert before.products(range(5)) == [product for product, _ in random_entries(1, 5)]


def test_refresh_notices_a_catalogue_made_anew(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", random_entries(1, 5)))
    write_catalog(tmp_path / "d", random_entries(2, 7))
    (tmp_path / "c").rename(tmp_path / "old")
    (tmp_path / "d").rename(tmp_path / "c")
    assert catalog.refresh() and len(catalog) == 7


def test_refresh_refuses_another_embedder_and_keeps_the_old_generation(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path, random_entries(1, 5)), EMBEDDER)
    write_catalog(tmp_path, random_entries(2, 7), embedder="f" * 64)
    with pytest.raises(CatalogError, match="another embedder"):
        catalog.refresh()
    assert len(catalog) == 5 and catalog.generation == 1


def test_readers_never_see_a_mixture(tmp_path: Path) -> None:
    """Generation g has 10 + g % 3 products, all of brand "g" with scores of 1 for the same query."""

    def entries(generation: int) -> list[tuple[Product, np.ndarray]]:
        products = range(10 + generation % 3)
        return [(Product(f"{i}", type="tops", brand=str(generation)), VECTOR) for i in products]

    catalog = Catalog.load(write_catalog(tmp_path, entries(1)))
    stop, faults, generations = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                catalog.refresh()
                generation = catalog.snapshot()
                rows, scores = generation.search(VECTOR, one_hot("tops"), k=20)
                brands = {product.brand for product in generation.products(rows[0]) if product}
                number = generation.manifest.generation
                generations.add(number)
                if brands != {str(number)} or (rows[0] >= 0).sum() != 10 + number % 3 or scores[0, 0] < 0.999:
                    faults.append((number, brands, rows))
            except Exception as error:
                faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(2, 16):
        write_catalog(tmp_path, entries(number))
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(generations) > 2


BAD = [
    # (product, embeddings, what the message says)
    (Product("", type="tops"), VECTOR, "is empty or there already"),
    (Product("known", type="tops"), VECTOR, "is empty or there already"),
    (Product("a", type="socks"), VECTOR, "the type 'socks'"),
    (Product("a"), VECTOR, "the type ''"),
    (Product("a", type="tops"), VECTOR * 2, "not L2-normalised"),
    (Product("a", type="tops"), VECTOR * 0, "not L2-normalised"),
    (Product("a", type="tops"), VECTOR * np.nan, "not L2-normalised"),
    (Product("a", type="tops"), np.ones((0, DIMENSION)), "needs embeddings"),
    (Product("a", type="tops"), np.ones((1, DIMENSION - 1)), "needs embeddings"),
]


@pytest.mark.parametrize(("product", "embeddings", "message"), BAD)
def test_bad_products_are_refused(tmp_path: Path, product: Product, embeddings: np.ndarray, message: str) -> None:
    with CatalogWriter(tmp_path, DIMENSION, EMBEDDER) as writer:
        writer.add(Product("known", type="tops"), VECTOR[0])
        with pytest.raises(CatalogError, match=message):
            writer.add(product, embeddings)
        writer.commit()
    assert len(Catalog.load(tmp_path)) == 1


def test_a_folder_with_other_files_is_not_written_in(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(CatalogError, match="not a catalogue; choose a new folder"):
        CatalogWriter(tmp_path, DIMENSION, EMBEDDER)
    assert names(tmp_path) == ["holiday.jpg"]
    with pytest.raises(CatalogError, match="cannot make the folder"):
        CatalogWriter(tmp_path / "holiday.jpg" / "c", DIMENSION, EMBEDDER)


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    writer = CatalogWriter(tmp_path, DIMENSION, EMBEDDER)
    writer.abort()
    for action in (writer.commit, lambda: writer.add(Product("a", type="tops"), VECTOR)):
        with pytest.raises(CatalogError, match="is closed"):
            action()


def test_every_type_has_its_sub_index(tmp_path: Path) -> None:
    entries = [(Product(name, type=name), VECTOR) for name in TYPES]
    catalog = Catalog.load(write_catalog(tmp_path, entries))
    queries, _ = random_queries(1, len(TYPES), entries)
    rows, _ = catalog.search(queries, np.eye(len(TYPES)), k=2)
    assert rows.tolist() == [[i, -1] for i in range(len(TYPES))]
