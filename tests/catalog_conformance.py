"""What every kind of catalogue must do. A kind's tests are a sub-class of `Conformance`, as in test_catalog_kinds.py.

Types of a conformance catalogue: most products are tops, a tenth are dresses (the same place of the body, so pictures
of one may be listed under the other), and a few are bags, so few that approximate kinds leave them flat.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.catalog.catalog import Catalog
from matcher.catalog.changes import rows_but
from matcher.catalog.check import check
from matcher.catalog.filters import Filters
from matcher.catalog.interface import KindOptions
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, normalised

Entry = tuple[Product, NDArray[np.float32], tuple[Origin, ...]]
K = 10
READERS = 8
FILTERS = {
    "half": Filters(brands=("ada", "bo")),
    "price": Filters(price_min=20, price_max=90, currency="eur"),
    "a corner": Filters(colours=("corner",)),  # all near one another, and far from most queries
    "few": Filters(ids=tuple(f"p{i}" for i in range(0, 4000, 401))),
    "a type": Filters(types=("dresses",)),
    "none": Filters(brands=()),
}


def shop(count: int, seed: int = 1, most_views: int = 2) -> list[Entry]:
    """Products in styles, as a shop has them; a corner of the space has a colour of its own."""
    rng = np.random.default_rng(seed)
    styles = normalised(rng.normal(size=(max(count // 40, 4), DIMENSION)))
    corner = normalised(np.ones(DIMENSION))
    return [_entry(rng, i, styles, corner, most_views) for i in range(count)]


def _entry(rng: np.random.Generator, i: int, styles: NDArray, corner: NDArray, most_views: int) -> Entry:
    type_name = "bags" if i % 97 == 0 else "dresses" if i % 10 == 0 else "tops"
    centre = styles[rng.integers(len(styles))] + 0.5 * rng.normal(size=DIMENSION) / DIMENSION**0.5
    views = int(rng.integers(1, most_views + 1))
    vectors = normalised(centre + 0.2 * rng.normal(size=(views, DIMENSION)) / DIMENSION**0.5)
    product = Product(
        f"p{i}",
        type=type_name,
        title=f"Product {i}",
        brand=("Ada", "Bo", "Cy", "Di")[i % 4],
        colour="corner" if vectors[0] @ corner > 0.35 else "other",
        price=float(rng.integers(5, 200)),
        currency="EUR" if i % 3 else "USD",
    )
    probs = np.zeros(len(TYPES), np.float32)
    # Every twentieth dress or top looks like the other one.
    probs[[TYPE_IDS["tops"], TYPE_IDS["dresses"]]] = 0.5 if i % 20 in (0, 1) else 0.1
    return product, vectors, (Origin("a.jpg", content=f"c{i}", type_probs=probs),) * views


def queries(entries: list[Entry], count: int, seed: int = 2) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Views (N, D) of some products, and probabilities (N, T) of their type first and bags second."""
    rng = np.random.default_rng(seed)
    chosen = [entries[i] for i in rng.integers(0, len(entries), count)]
    noise = 0.6 * rng.normal(size=(count, DIMENSION)) / DIMENSION**0.5
    probs = np.zeros((count, len(TYPES)), np.float32)
    probs[:, TYPE_IDS["bags"]] = 0.3
    for i, (product, _, _) in enumerate(chosen):
        probs[i, TYPE_IDS[product.type]] = 0.6
    return normalised(np.array([vectors[0] for _, vectors, _ in chosen]) + noise), probs


def plain_search(
    entries: list[Entry], query: NDArray, probs: NDArray, k: int, allowed: NDArray | None = None
) -> list[tuple[str, float]]:
    """What an exact search must give, by comparing everything; product ids and scores."""
    vectors, owners, listed = _stacked(entries)
    asked = [i for i in np.argsort(-probs, kind="stable")[:2] if probs[i] > 0]
    best = np.full(len(entries), -np.inf)
    np.maximum.at(best, owners, vectors @ query)
    keep = listed[:, asked].any(1) & (True if allowed is None else allowed)
    rows = np.flatnonzero(keep)
    order = rows[np.lexsort((rows, -best[rows].astype(np.float32)))][:k]
    return [(entries[row][0].id, float(np.float32(best[row]))) for row in order]


_STACKED: dict[int, tuple[list[Entry], tuple[NDArray, NDArray, NDArray]]] = {}


def _stacked(entries: list[Entry]) -> tuple[NDArray, NDArray, NDArray]:
    """All vectors (V, D) in float64, the row (V,) of each, and (P, T) under which types each product is found."""
    if id(entries) not in _STACKED:
        vectors = np.concatenate([vectors for _, vectors, _ in entries]).astype(np.float64)
        owners = np.repeat(np.arange(len(entries)), [len(vectors) for _, vectors, _ in entries])
        listed = np.array([_listed(product, origins) for product, _, origins in entries])
        _STACKED[id(entries)] = entries, (vectors, owners, listed)
    return _STACKED[id(entries)][1]


def _listed(product: Product, origins: tuple[Origin, ...]) -> NDArray[np.bool_]:
    both = ["tops", "dresses"] if origins[0].type_probs[TYPE_IDS["tops"]] >= 0.3 and product.type != "bags" else []
    return np.isin(TYPES, [product.type, *both])


def share_found(found: list[tuple[str, float]], right: list[tuple[str, float]]) -> float:
    """Share of the right answers that were found; an equal score is as good."""
    if not right:
        return float(not found)
    worst = right[-1][1] - 1e-5
    return min(sum(score >= worst for _, score in found), len(right)) / len(right)


def write(path: Path, entries: list[Entry], options: KindOptions | None) -> CatalogWriter:
    """Write a catalogue; the writer, for what it says."""
    with CatalogWriter(path, DIMENSION, EMBEDDER, kind=options) as writer:
        for product, vectors, origins in entries:
            writer.add(product, vectors, origins)
        writer.commit()
    return writer


class Conformance:
    """Laws of all kinds. A sub-class says which kind, and how large its catalogues must be."""

    options: ClassVar[KindOptions]
    """What the catalogues are written with."""
    count: ClassVar[int] = 600
    """Products: so many that most of them, the tops, are of the kind."""

    @classmethod
    def write(cls, path: Path, entries: list[Entry], embedder: str = EMBEDDER) -> Path:
        """Write a catalogue of the kind; also a second time into the same folder, as an update."""
        with CatalogWriter(path, DIMENSION, embedder, "test", cls.options) as writer:
            for product, vectors, origins in entries:
                writer.add(product, vectors, origins)
            writer.commit()
        return path

    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls) -> list[Entry]:
        """The products of the catalogue that most tests read."""
        return shop(cls.count)

    @pytest.fixture(scope="class")
    @classmethod
    def catalog(cls, tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> Catalog:
        """That catalogue."""
        return Catalog.load(cls.write(tmp_path_factory.mktemp("kind") / "c", entries), EMBEDDER)

    def answers(self, catalog: Catalog, *args: object, **kwargs: object) -> list[list[tuple[str, float]]]:
        """What a search gives, as pairs of product id and score, which must be padded and in order."""
        rows, scores = catalog.search(*args, **kwargs)
        assert rows.dtype == np.int64 and scores.dtype == np.float32
        assert ((rows == -1) == (scores == -1)).all()
        ordered = np.lexsort((rows, -scores), axis=1)
        assert (np.take_along_axis(rows, ordered, 1) == rows).all()
        assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in rows)
        return [
            [(catalog.product(r).id, float(s)) for r, s in zip(*one, strict=True) if r >= 0]
            for one in zip(rows, scores, strict=True)
        ]

    def judge(self, catalog: Catalog, found: list, right: list) -> None:
        """Exact where every type is; else within the recall that the catalogue reports."""
        assert [len(a) for a in found] == [len(b) for b in right]  # where there are k products, k are returned
        if all(sub.exact for sub in catalog.snapshot().types.values()):
            assert [[name for name, _ in a] for a in found] == [[name for name, _ in b] for b in right]
        else:
            recall = np.mean([share_found(a, b) for a, b in zip(found, right, strict=True)])
            assert recall >= catalog.info()["recall"] - 0.03, recall

    def test_the_kind_is_the_one_asked_for(self, catalog: Catalog) -> None:
        info = catalog.info()
        assert info["kind"] == self.options.kind == info["types"]["tops"]["kind"]
        assert info["asked"] == self.options.kind and "asked for" in info["reason"]

    def test_search_finds_what_comparing_all_finds(self, catalog: Catalog, entries: list[Entry]) -> None:
        for seed, count in ((3, 1), (4, 60)):
            embeddings, probs = queries(entries, count, seed)
            right = [plain_search(entries, q, p, K) for q, p in zip(embeddings, probs, strict=True)]
            self.judge(catalog, self.answers(catalog, embeddings, probs, k=K), right)

    @pytest.mark.parametrize("name", FILTERS)
    def test_filtered_is_a_search_over_the_subset_alone(
        self, catalog: Catalog, entries: list[Entry], name: str
    ) -> None:
        allowed = catalog.snapshot().table.allowed(FILTERS[name])
        embeddings, probs = queries(entries, 40, seed=5)
        for k in (1, K):
            found = self.answers(catalog, embeddings, probs, k=k, filters=FILTERS[name])
            right = [plain_search(entries, q, p, k, allowed) for q, p in zip(embeddings, probs, strict=True)]
            self.judge(catalog, found, right)
            assert {one for answer in found for one, _ in answer} <= {
                e[0].id for e, keep in zip(entries, allowed, strict=True) if keep
            }

    def test_more_products_are_wanted_than_there_are(self, catalog: Catalog, entries: list[Entry]) -> None:
        embeddings, probs = queries(entries, 2, seed=6)
        wanted = Filters(ids=("p0", "p1", "p2", "p10"))
        allowed = catalog.snapshot().table.allowed(wanted)
        right = [plain_search(entries, q, p, 50, allowed) for q, p in zip(embeddings, probs, strict=True)]
        assert [[n for n, _ in a] for a in self.answers(catalog, embeddings, probs, k=50, filters=wanted)] == [
            [n for n, _ in b] for b in right
        ]

    def test_it_says_how_many_vectors_are_compared(self, catalog: Catalog, entries: list[Entry]) -> None:
        _, probs = queries(entries, 20, seed=8)
        probs[0] = 0
        generation = catalog.snapshot()
        stored = {name: len(generation.table.owners(name)) for name in generation.types}
        likeliest = [[TYPES[i] for i in np.argsort(-row, kind="stable")[:2] if row[i] > 0] for row in probs]
        expected = [sum(stored.get(name, 0) for name in names) for names in likeliest]
        assert generation.searched(probs).tolist() == expected and expected[0] == 0 < max(expected)

    def test_scores_are_the_cosines_of_the_stored_vectors(self, catalog: Catalog, entries: list[Entry]) -> None:
        embeddings, probs = queries(entries, 20, seed=7)
        rows, scores = catalog.search(embeddings, probs, k=K)
        for i, j in zip(*np.nonzero(rows >= 0), strict=True):
            best = (catalog.reconstruct(int(rows[i, j])) @ embeddings[i]).max()
            assert abs(best - scores[i, j]) < 1e-5

    def test_vectors_and_products_come_back_as_written(self, catalog: Catalog, entries: list[Entry]) -> None:
        for row in range(0, len(entries), 37):
            product, vectors, _ = entries[row]
            assert catalog.product(row) == product and catalog.row_of(product.id) == row
            np.testing.assert_array_equal(catalog.reconstruct(row), vectors)

    def test_products_are_found_under_a_second_type(self, catalog: Catalog, entries: list[Entry]) -> None:
        both = [e for e in entries if e[0].type == "dresses" and e[2][0].type_probs[TYPE_IDS["tops"]] > 0.3]
        assert both
        vectors = np.array([e[1][0] for e in both])
        probs = np.tile(np.eye(len(TYPES), dtype=np.float32)[TYPE_IDS["tops"]], (len(both), 1))
        found = self.answers(catalog, vectors, probs, k=1, top_types=1)
        hits = np.mean([answer[0][0] == e[0].id for answer, e in zip(found, both, strict=True)])
        assert hits >= catalog.info()["recall"] - 0.03
        own = catalog.snapshot().table.own("tops")
        assert not own.all() and len(own) == len(catalog.snapshot().types["tops"].owners)

    def test_answers_under_a_less_likely_type_lose_by_its_doubt(self, catalog: Catalog, entries: list[Entry]) -> None:
        embeddings, probs = queries(entries, 8, seed=9)  # bags are half as likely as the products' own types
        bag = next(vectors[0] for product, vectors, _ in entries if product.type == "bags")
        embeddings[:] = bag
        plain = catalog.search(embeddings, probs, k=K)
        rows, scores = catalog.search(embeddings, probs, k=K, type_doubt=0.05)
        likeliest = probs.argmax(1) != TYPE_IDS["bags"]
        assert likeliest.any()
        cosines = plain[1][likeliest, 0]
        kept = [catalog.product(int(row)).type for row in rows[likeliest, 0]]
        assert kept == ["bags"] * len(kept)
        np.testing.assert_allclose(scores[likeliest, 0], cosines - 0.05 * np.log(2), atol=1e-5)
        np.testing.assert_array_equal(scores[~likeliest], plain[1][~likeliest])
        far = catalog.search(embeddings, probs, k=K, type_doubt=4)
        assert (far[1] >= -1).all() and catalog.product(int(far[0][likeliest][0, 0])).type != "bags"

    def test_spread(self, catalog: Catalog) -> None:
        for sub in catalog.snapshot().types.values():
            for most in (1, 7, 10**9):
                positions = sub.spread(most)
                assert len(positions) == min(most, len(sub.owners)) and (np.diff(positions) > 0).all()
                assert sub.vectors(positions).shape == (len(positions), DIMENSION)

    def test_figures_are_reported_and_check_finds_nothing_wrong(self, catalog: Catalog) -> None:
        info = catalog.info()
        for one in info["types"].values():
            assert 0.9 <= one["recall"] <= 1 and one["bytes_per_vector"] >= 0
            assert one["kind"] != "flat" or one["recall"] == 1
        assert 0.9 <= info["recall"] <= 1
        findings = check(catalog.path, most_vectors=300)
        assert not findings.problems and findings.self_recall >= info["recall"] - 0.03

    def test_products_are_added_changed_and_removed(self, tmp_path: Path, entries: list[Entry]) -> None:
        """As `asworn index --partial` does it: what stays is taken from the generation before."""
        path = self.write(tmp_path / "c", entries)
        before = Catalog.load(path).snapshot()
        new = [(replace(e[0], title="changed"), e[1], e[2]) for e in entries[:5]]
        new += [(replace(e[0], id=f"new-{i}"), e[1], e[2]) for i, e in enumerate(shop(20, seed=9))]
        gone = {e[0].id for e in entries[5:100]}
        for row in rows_but(before.table, {e[0].id for e in new} | gone):
            new.append((before.table.stored(row), before.reconstruct(row), tuple(before.table.origins(row))))
        catalog = Catalog.load(self.write(path, new))
        assert catalog.generation == 2 and len(catalog) == len(entries) - 95 + 20
        assert catalog.row_of("p7") is None and catalog.product(catalog.row_of("p1")).title == "changed"
        embeddings, probs = queries(new, 40, seed=8)
        right = [plain_search(new, q, p, K) for q, p in zip(embeddings, probs, strict=True)]
        self.judge(catalog, self.answers(catalog, embeddings, probs, k=K), right)
        # Those who still read the generation before go on reading it.
        assert before.product(7).id == "p7" and before.search(embeddings, probs)[0].shape == (40, 5)

    def test_the_kind_stays_until_another_is_asked_for(self, tmp_path: Path, entries: list[Entry]) -> None:
        path = self.write(tmp_path / "c", entries)
        with CatalogWriter(path, DIMENSION, EMBEDDER) as writer:
            for product, vectors, origins in entries:
                writer.add(product, vectors, origins)
            writer.commit()
        assert Catalog.load(path).info()["types"]["tops"]["kind"] == self.options.kind
        with CatalogWriter(path, DIMENSION, EMBEDDER, kind=KindOptions("auto")) as writer:
            for product, vectors, origins in entries:
                writer.add(product, vectors, origins)
            writer.commit()
        assert Catalog.load(path).info()["kind"] == "flat"

    def test_what_is_not_committed_leaves_nothing(self, tmp_path: Path, entries: list[Entry]) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER, kind=self.options) as writer,
        ):
            writer.add(*entries[0])
            raise KeyboardInterrupt
        assert not (tmp_path / "c").exists()

    def test_eight_readers_while_generations_come(self, tmp_path: Path, entries: list[Entry]) -> None:
        """No errors, and never products of one generation with scores of another."""
        path, last, errors = tmp_path / "c", threading.Event(), []
        versions = {number: entries[: -7 * number] for number in (1, 2, 3)}
        self.write(path, _titled(versions[1], 1))
        catalog = Catalog.load(path)
        seen: set[int] = set()

        def read(reader: int) -> None:
            try:
                while not last.is_set() or catalog.generation < 3:
                    generation = catalog.snapshot()
                    number = generation.manifest.generation
                    embeddings, probs = queries(versions[number], 3, seed=reader)
                    rows, scores = generation.search(embeddings, probs, k=4)
                    found = generation.products(rows.ravel())
                    assert {product.title for product in found} == {str(number)}
                    nearest = generation.reconstruct(int(rows[0, 0])) @ embeddings[0]
                    assert abs(nearest.max() - scores[0, 0]) < 1e-5
                    seen.add(number)
                    catalog.refresh()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=read, args=(i,)) for i in range(READERS)]
        for thread in threads:
            thread.start()
        for number in (2, 3):
            self.write(path, _titled(versions[number], number))
        last.set()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        assert 3 in seen or catalog.generation == 3


def _titled(entries: list[Entry], number: int) -> list[Entry]:
    return [(replace(product, title=str(number)), vectors, origins) for product, vectors, origins in entries]
