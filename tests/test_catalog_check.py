"""`check` tells what is wrong with a catalogue; nothing is wrong with a good one."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
from typer.testing import CliRunner

from matcher.bundle import sha256_of
from matcher.catalog.check import check
from matcher.cli.catalog import app
from matcher.errors import CatalogError
from tests.catalogs import DIMENSION, normalised, random_entries, write_catalog

GENERATION = "gen-000001"


def sign(root: Path) -> None:
    """Make the manifest's hashes right again after a change, so that only the content is wrong."""
    folder = root / GENERATION
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def sql(root: Path, statement: str) -> None:
    """Change the product table."""
    connection = sqlite3.connect(root / GENERATION / "products.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()


def replace_bags(root: Path, vectors: np.ndarray) -> None:
    """Write the sub-index of bags with these vectors."""
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(np.ascontiguousarray(vectors, np.float32))
    faiss.write_index(index, str(root / GENERATION / "bags.faiss"))


def count_bags(root: Path) -> int:
    """Vectors of bags."""
    return faiss.read_index(str(root / GENERATION / "bags.faiss")).ntotal


@pytest.mark.parametrize("distinct", [None, 12])
def test_a_good_catalogue_has_no_problems(tmp_path: Path, distinct: int | None) -> None:
    findings = check(write_catalog(tmp_path, random_entries(1, 200, 3, distinct)))
    assert not findings.problems and findings.self_recall == 1
    assert (findings.doubles > 0) == (distinct is not None)


def test_an_empty_catalogue_has_no_problems(tmp_path: Path) -> None:
    assert not check(write_catalog(tmp_path, [])).problems


def test_a_sample_is_enough(tmp_path: Path) -> None:
    findings = check(write_catalog(tmp_path, random_entries(1, 200)), most_vectors=10)
    assert findings.vectors == 40 and not findings.problems


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    # (damage that the hashes do not show, what is told)
    (lambda root: replace_bags(root, np.zeros((count_bags(root), DIMENSION))), "vectors do not find their own product"),
    (lambda root: replace_bags(root, 2 * normalised(np.ones((count_bags(root), DIMENSION)))), "not of length 1"),
    (lambda root: replace_bags(root, np.full((count_bags(root), DIMENSION), np.nan)), "bags: .* not finite"),
    (lambda root: sql(root, "UPDATE product SET type = 'hats' WHERE type = 'bags'"), "another type in the product"),
    (lambda root: sql(root, "UPDATE vector SET row = 0 WHERE type = 1"), "products have no vector"),
    (lambda root: (root / GENERATION / "extra.bin").touch(), "extra.bin does not belong there"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_content_that_is_wrong_is_told(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    write_catalog(tmp_path, random_entries(1, 100))
    damage(tmp_path)
    sign(tmp_path)
    problems = check(tmp_path).problems
    assert any(re.search(message, problem) for problem in problems), problems


def test_a_changed_byte_is_told(tmp_path: Path) -> None:
    write_catalog(tmp_path, random_entries(1, 20))
    (tmp_path / GENERATION / "products.sqlite").write_bytes(b"nonsense")
    assert "products.sqlite is damaged" in check(tmp_path).problems[0]


def test_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no catalogue at"):
        check(tmp_path / "nowhere")


def test_commands(tmp_path: Path) -> None:
    root = write_catalog(tmp_path / "c", random_entries(1, 30, 3))
    run = CliRunner().invoke
    info = json.loads(run(app, ["info", str(root), "--json"]).stdout)
    assert info["products"] == 30 and info["kind"] == "flat" and info["generation"] == 1
    assert {"vectors", "embedder"} <= info.keys()
    assert "30" in run(app, ["info", str(root)]).stdout
    good = run(app, ["check", str(root)])
    assert good.exit_code == 0 and "sound" in good.stdout and "100.00%" in good.stdout
    assert json.loads(run(app, ["check", str(root), "--json"]).stdout)["ok"]
    (root / GENERATION / "bags.faiss").write_bytes(b"")
    bad = run(app, ["check", str(root)])
    assert "bags.faiss is damaged" in bad.stdout
    assert isinstance(bad.exception, CatalogError) and bad.exception.exit_status == 2
