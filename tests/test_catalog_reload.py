"""Readers while the catalogue is replaced under them: no errors, and never a mixture of two generations."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from matcher.catalog import catalog as catalog_module
from matcher.catalog.catalog import Catalog
from matcher.catalog.watch import Watch
from matcher.catalog.writer import CatalogWriter
from matcher.config import LookupConfig, PipelineConfig
from matcher.errors import CatalogError
from matcher.pipeline import Pipeline
from matcher.sinks.jsonl import JsonlSink
from matcher.taxonomy import TYPES
from matcher.types import Frame, Product
from tests.catalogs import DIMENSION, EMBEDDER, normalised
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop

PRODUCTS = 40
GENERATIONS = 12
READERS = 8
POOL = normalised(np.random.default_rng(5).normal(size=(GENERATIONS + 1, PRODUCTS, DIMENSION)))


def write(root: Path, number: int) -> None:
    """Generation `number`: all ids, titles, prices and vectors are its own, and another number of products."""
    with CatalogWriter(root, DIMENSION, EMBEDDER) as writer:
        for i in range(PRODUCTS - number):
            product = Product(f"{number}-{i}", title=str(number), type=TYPES[i % 3], price=float(number))
            writer.add(product, POOL[number, i])
        assert writer.commit() == number


def ask(catalog: Catalog, rng: np.random.Generator) -> int:
    """Search for a stored vector of the generation that is read; its number. Everything found must be of it."""
    generation = catalog.snapshot()
    number = generation.manifest.generation
    wanted = rng.integers(0, PRODUCTS - number, 3)
    probs = np.eye(len(TYPES), dtype=np.float32)[wanted % 3]
    rows, scores = generation.search(POOL[number, wanted], probs, k=4, top_types=1)
    assert rows[:, 0].tolist() == wanted.tolist() and (scores[:, 0] > 0.999).all()
    found = [product for row in rows for product in generation.products(row)]
    assert {product.title for product in found} == {str(number)}
    assert all(product.id.startswith(f"{number}-") and product.price == number for product in found)
    np.testing.assert_allclose(generation.reconstruct(int(rows[0, 0]))[0], POOL[number, wanted[0]], atol=1e-6)
    return number


@pytest.mark.parametrize("shared", [True, False], ids=["one catalogue for all", "one for each"])
def test_eight_readers_while_generations_come(tmp_path: Path, shared: bool) -> None:
    write(tmp_path / "c", 1)
    everybodys = Catalog.load(tmp_path / "c", EMBEDDER)
    errors: list[BaseException] = []
    seen: list[list[int]] = [[] for _ in range(READERS)]
    last = threading.Event()

    def read(reader: int) -> None:
        rng = np.random.default_rng(reader)
        catalog = everybodys if shared else Catalog.load(tmp_path / "c", EMBEDDER)
        try:
            while not last.is_set() or catalog.generation < GENERATIONS:
                seen[reader].append(ask(catalog, rng))
                catalog.refresh()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(READERS)]
    for thread in threads:
        thread.start()
    for number in range(2, GENERATIONS + 1):
        write(tmp_path / "c", number)
    last.set()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    assert all(numbers == sorted(numbers) for numbers in seen)  # nobody ever goes back
    assert len({number for numbers in seen for number in numbers}) >= 2


def test_a_damaged_generation_is_not_taken_up(tmp_path: Path) -> None:
    write(tmp_path / "c", 1)
    catalog = Catalog.load(tmp_path / "c", EMBEDDER)
    write(tmp_path / "c", 2)
    (tmp_path / "c" / "gen-000002" / f"{TYPES[0]}.faiss").write_bytes(b"")
    with pytest.raises(CatalogError, match="damaged"):
        catalog.refresh()
    assert ask(catalog, np.random.default_rng(1)) == 1
    write(tmp_path / "c", 3)
    assert catalog.refresh() and ask(catalog, np.random.default_rng(1)) == 3


def test_live_frames_do_not_wait_for_a_new_generation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a generation is loaded, damaged or not, every frame is matched with the one before."""
    bundle = make_bundle(tmp_path / "bundle")
    catalog = write_shop(tmp_path / "c", bundle, prefix="old")
    pipeline = Pipeline(PipelineConfig(lookup=LookupConfig(refresh_s=1e-9)), catalog, bundle)
    image = paint((320, 240), {"tops": (100, 20, 200, 110), "pants": (100, 120, 200, 230)})
    loading, may_load = threading.Event(), threading.Event()
    real = catalog_module._load_current

    def slow(*arguments: object) -> object:
        if threading.current_thread().name == "catalog-watch":
            loading.set()
            assert may_load.wait(60)
        return real(*arguments)

    def matched(number: int) -> set[str]:
        found = [garment.product for garment in pipeline(Frame(image, pts=number))]
        return {product.id.partition("-")[0] for product in found if product is not None}

    assert matched(0) == {"old"}
    monkeypatch.setattr(catalog_module, "_load_current", slow)
    write_shop(tmp_path / "c", bundle, prefix="broken")
    (tmp_path / "c" / "gen-000002" / "tops.faiss").write_bytes(b"")
    with Watch(catalog, interval_s=0.01) as watch:
        assert loading.wait(60)
        assert [matched(number) for number in range(1, 6)] == [{"old"}] * 5
        may_load.set()
        while not watch.problem:
            pass
        assert "damaged" in watch.problem and matched(6) == {"old"} and catalog.generation == 1
        write_shop(tmp_path / "c", bundle, prefix="new")
        while catalog.generation < 3:
            pass
        assert matched(9) == {"new"}


def test_a_result_that_is_shown_late_names_products_of_its_own_generation(tmp_path: Path) -> None:
    """Sinks have threads of their own: by their turn the rows may be those of other products."""
    bundle = make_bundle(tmp_path / "bundle")
    catalog = write_shop(tmp_path / "c", bundle, prefix="old")
    pipeline = Pipeline(PipelineConfig(), catalog, bundle)
    frame = Frame(paint((320, 240), {"tops": (100, 20, 200, 110)}), pts=1)
    garments = pipeline(frame)
    write_shop(tmp_path / "c", bundle, prefix="new")
    catalog.refresh()
    assert catalog.product(0).id.startswith("new")
    with JsonlSink(tmp_path / "frames.jsonl") as lines:
        lines.write(frame, garments)
    line = json.loads((tmp_path / "frames.jsonl").read_text())
    named = [product["id"] for garment in line["garments"] for product in garment["products"]]
    assert named and all(name.startswith("old") for name in named)
