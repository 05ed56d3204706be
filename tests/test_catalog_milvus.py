"""The kind "milvus" on Milvus Lite: the laws of all kinds, and what is its own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from matcher.catalog.catalog import Catalog
from matcher.catalog.filters import Filters
from matcher.catalog.gc import collect
from matcher.catalog.interface import KEPT, REMOTE, KindOptions
from matcher.catalog.kinds import kind_of
from matcher.catalog.milvus_client import CLOSING, check_address
from matcher.catalog.milvus_fields import LONGEST, expression, values_of
from matcher.catalog.milvus_search import Recent
from matcher.catalog.writer import CatalogWriter
from matcher.errors import BackendError, CatalogError, InputError
from matcher.types import Product
from tests.catalog_conformance import Conformance, queries, shop
from tests.catalogs import DIMENSION, EMBEDDER, normalised

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    """Both parts of the extra."""
    pytest.importorskip("pymilvus", reason="pip install 'asworn[scale]'")
    pytest.importorskip("milvus_lite", reason="pip install 'asworn[scale]'")


class TestMilvus(Conformance):
    """All of the laws that the FAISS kinds keep."""

    options = KindOptions("milvus")
    count = 300


def write(path: Path, products: list[Product]) -> Path:
    """A catalogue of the kind with a vector for each product."""
    vectors = normalised(np.random.default_rng(4).normal(size=(len(products), DIMENSION)))
    with CatalogWriter(path, DIMENSION, EMBEDDER, kind=KindOptions("milvus")) as writer:
        for product, vector in zip(products, vectors, strict=True):
            writer.add(product, vector)
        writer.commit()
    return path


def probs_of_tops() -> np.ndarray:
    """(1, T) certain of tops."""
    from matcher.taxonomy import TYPE_IDS, TYPES

    return np.eye(len(TYPES), dtype=np.float32)[[TYPE_IDS["tops"]]]


ODD = ['" or 1 == 1 or brand == "', "a\\", "Bö & Cö", "'; drop", "{x}", "x" * 2000, "y" * 1999 + "z", "日本", "%41", ""]


def test_odd_texts_are_texts(tmp_path: Path) -> None:
    """Whatever a feed writes, a filter finds it, and nothing else."""
    products = [Product(f"p{i}", type="tops", brand=text, group_id=text) for i, text in enumerate(ODD)]
    catalog = Catalog.load(write(tmp_path / "c", products))
    for i, text in enumerate(ODD):
        for filters in (Filters(brands=(text,)), Filters(group_ids=(text,)), Filters(ids=(f"p{i}",))):
            rows, _ = catalog.search(catalog.reconstruct(i), probs_of_tops(), k=len(ODD), filters=filters)
            assert sorted(rows[rows >= 0]) == [i], (text, filters)


def test_filters_are_the_ones_of_the_product_table(tmp_path: Path) -> None:
    """The server's filter alone, without the table's: the same products."""
    products = [
        Product(f"p{i}", type="tops", brand=b, price=p, currency=c, availability="in stock")
        for i, (b, p, c) in enumerate(
            [("Ada", 0.0, "EUR"), ("ADA", None, ""), ("ada", 9.99, "eur"), ("Ä", 20.0, "USD")]
        )
    ]
    catalog = Catalog.load(write(tmp_path / "c", products))
    generation = catalog.snapshot()
    finder = generation.types["tops"].finder
    for filters in (
        Filters(brands=("aDa",)),
        Filters(brands=("ä",)),  # letters beyond ASCII: case matters, as in the table
        Filters(price_min=-5),
        Filters(price_max=9.99),
        Filters(price_min=5, price_max=25, currency="usd"),
        Filters(availability=("IN STOCK",), types=("tops",)),
    ):
        found = finder.connection.client.query(
            finder.collection, filter=expression(filters), output_fields=["row"], consistency_level="Strong"
        )
        assert sorted(one["row"] for one in found) == np.flatnonzero(generation.table.allowed(filters)).tolist(), (
            filters
        )


def test_expressions_hold_no_quotes_of_users() -> None:
    for text in ODD:
        value = values_of(Product("p", brand=text, type="tops"))["brand"]
        assert len(value) <= LONGEST and not set(value) & set("\"'\\{}")
        assert expression(Filters(brands=(text,))) == f'brand in ["{value}"]'


def test_old_generations_go_with_their_vectors(tmp_path: Path) -> None:
    entries = shop(60)
    path = tmp_path / "c"
    for _ in range(3):
        TestMilvus.write(path, entries)
    notes = [json.loads((folder / REMOTE).read_text()) for folder in sorted(path.glob("gen-*"))]
    assert len(notes) == 2 and notes[0]["collection"] != notes[1]["collection"]
    assert all((folder / KEPT).is_dir() for folder in path.glob("gen-*"))
    freed = collect(path)
    assert freed.names == ("gen-000002",) and [folder.name for folder in path.glob("gen-*")] == ["gen-000003"]
    assert (Catalog.load(path).search(*queries(entries, 3))[0] >= 0).any()


def test_a_second_process_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "c", [Product("p", type="tops")])
    catalog = Catalog.load(path)
    code = f"import sys; from matcher.cli.main import main; sys.exit(main(['catalog', 'info', {str(path)!r}]))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2 and "one process at a time" in done.stderr and "Traceback" not in done.stderr
    del catalog
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == CLOSING:
            thread.join()
    assert subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).returncode == 0


def test_vectors_that_are_gone_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "c", [Product("p", type="tops")])
    kept = path / "gen-000001" / KEPT
    kept.rename(tmp_path / "elsewhere")
    with pytest.raises(CatalogError, match="rebuild"):
        Catalog.load(path)


def test_no_server_at_the_address(tmp_path: Path) -> None:
    """A writer is told in one line, and leaves no catalogue; what it noted goes when the server is back."""
    options = KindOptions("milvus", address="http://127.0.0.1:1")
    with pytest.raises(CatalogError, match="Milvus at http://127.0.0.1:1"):
        with CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER, kind=options) as writer:
            writer.add(Product("p", type="tops"), normalised(np.ones(DIMENSION)))
            writer.commit()
    with pytest.raises(CatalogError, match="no catalogue at"):
        Catalog.load(tmp_path / "c")


ADDRESSES = ["localhost:19530", "ftp://milvus", "http://", "http://root:secret@milvus:19530", "https://key@milvus"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(InputError) as caught:
        check_address(address)
    assert "secret" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_without_pymilvus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"asworn\[scale\]"):
        kind_of("milvus")


def test_recent_vectors() -> None:
    recent = Recent(3)
    recent.put((i, np.full(2, i)) for i in range(5))
    assert sorted(recent.get(np.arange(9))) == [2, 3, 4]
    recent.put([(2, np.zeros(2)), (7, np.ones(2))])
    assert sorted(recent.get(np.arange(9))) == [2, 4, 7]


def test_the_address_is_asked_for_once(tmp_path: Path) -> None:
    from indexer.options import parse_kind

    assert parse_kind(None, None, "http://milvus:19530") == KindOptions("milvus", address="http://milvus:19530")
    assert parse_kind("milvus", None) == KindOptions("milvus")
    for kind, address in (("flat", "http://milvus:19530"), (None, "milvus:19530"), (None, "http://u:p@milvus")):
        with pytest.raises(InputError):
            parse_kind(kind, None, address)
