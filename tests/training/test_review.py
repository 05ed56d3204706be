"""Tuning a bundle's embedder on judged pairs."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle, bundled
from matcher.catalog.catalog import Catalog
from matcher.errors import ConfigError, InputError
from tests.toy_bundle import make_bundle

pytest.importorskip("torch", reason="torch is not installed")

from matcher.config import load_toml  # noqa: E402
from training.cli import embedder  # noqa: E402
from training.cli_review import RECIPE, tune_from_review  # noqa: E402
from training.data.garment_crops import PACKSHOT, TRYON, VALIDATION, GarmentStore  # noqa: E402
from training.embedder.config import EmbedderConfig  # noqa: E402
from training.export_bundle import load_embedder  # noqa: E402
from training.review.measure import embed, recall_of  # noqa: E402
from training.review.pairs import LEAST, ReviewPairs  # noqa: E402
from training.review.weights import checkpoint_of  # noqa: E402
from training.settings import from_table  # noqa: E402

PRODUCTS = 12


def judged(demo: Path, file: Path, count: int) -> Path:
    """Pairs that are easy to make: the shop's own pictures, judged right."""
    catalog = Catalog.load(demo / "catalog")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("image", "x0", "y0", "x1", "y1", "product_id"))
        for row in range(count):
            product, origin = catalog.product(row), catalog.snapshot().table.origins(row)[0]
            writer.writerow((demo / "shop" / product.image, *origin.xyxy, product.id))
        writer.writerow((demo / "shop" / product.image, *origin.xyxy, "taken-out-of-the-shop"))
    return file


def test_a_bundle_is_tuned_and_the_new_one_is_whole(
    demo_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = judged(demo_run, tmp_path / "review" / "pairs.csv", PRODUCTS), tmp_path / "run"
    tune_from_review(file, demo_run / "catalog", demo_run / "shop", None, None, 1, out)
    told = capsys.readouterr().out
    assert f"{PRODUCTS} pairs of {PRODUCTS} products, 1 without a picture" in told and "kept out" in told
    tuned, first = Bundle.open(out / "bundle"), Bundle.open()
    assert tuned.embedder_hash != first.embedder_hash and tuned.card["name"].endswith("-tuned")
    assert tuned.card["models"]["detector"] == first.card["models"]["detector"]
    assert tuned.card["origin"][-1]["name"] == "pairs judged by the user"
    store = GarmentStore(out / "garments")
    assert sum(row.kind == TRYON for row in store.rows) == PRODUCTS
    held = {row.identity for row in store.rows if row.kind == TRYON and row.split == VALIDATION}
    assert 0 < len(held) < PRODUCTS
    others = {row.identity: row.split for row in store.rows if row.kind == PACKSHOT}
    assert len(others) > PRODUCTS and all(others[name] == VALIDATION for name in held)
    model, _ = load_embedder(out / "last.pt")
    assert recall_of(model, store, VALIDATION).recall1 == 1.0  # the very pictures that are searched
    lengths = np.linalg.norm(embed(model, store, [0, 1]), axis=1)
    assert lengths == pytest.approx([1, 1], abs=1e-4)


def test_too_few_products_are_said(demo_run: Path, tmp_path: Path) -> None:
    file = judged(demo_run, tmp_path / "pairs.csv", LEAST - 2)
    pairs = ReviewPairs(file, Catalog.load(demo_run / "catalog"), demo_run / "shop", Bundle.open())
    with pytest.raises(InputError, match=f"needs {LEAST} or more"):
        list(pairs)


def test_another_network_s_recipe_is_refused(tmp_path: Path) -> None:
    config = from_table(EmbedderConfig, load_toml(RECIPE), RECIPE)
    with pytest.raises(ConfigError, match="is not that of toy"):
        checkpoint_of(make_bundle(tmp_path / "toy"), config, tmp_path / "x.pt")
    if bundled().exists():
        other = replace(config, model=replace(config.model, cell=8))  # of the same shapes, but it does another thing
        with pytest.raises(ConfigError, match="gives other vectors"):
            checkpoint_of(Bundle.open(), other, tmp_path / "x.pt")


def test_widths_are_those_of_the_bundle_whatever_the_recipe_says(tmp_path: Path) -> None:
    config = from_table(EmbedderConfig, load_toml(RECIPE), RECIPE)
    other = replace(config, model=replace(config.model, palette=3, hidden=64, colours=0))
    model, known = load_embedder(checkpoint_of(Bundle.open(), other, tmp_path / "x.pt"))
    assert (known.model.palette, known.model.hidden) == (model.config.palette, model.config.hidden) != (3, 64)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--catalog and --pictures"):
        embedder(from_review=tmp_path / "p.csv", catalog=None, pictures=None, bundle=None, steps=1)
    with pytest.raises(InputError, match="no folder"):
        embedder(from_review=tmp_path / "p.csv", catalog=tmp_path, pictures=tmp_path / "none", bundle=None, steps=1)
    with pytest.raises(ConfigError, match="--config"):
        embedder(from_review=None)
