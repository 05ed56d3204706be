"""FAISS kinds: each keeps the laws of all kinds, and those of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest
from typer.testing import CliRunner

from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.catalog.choose import FLAT_UP_TO, HNSW_UP_TO, machine_memory, plan
from matcher.catalog.interface import KindOptions, OpenOptions
from matcher.catalog.writer import CatalogWriter
from matcher.cli.catalog import app
from matcher.errors import BackendError, CatalogError
from tests.catalog_conformance import Conformance, queries, shop, write
from tests.catalogs import DIMENSION, EMBEDDER
from tests.kind_crash import COUNT
from tests.test_catalog_check import sign

GIB = 1 << 30
ROOT = Path(__file__).parents[1]


class TestFlat(Conformance):
    options = KindOptions("flat")


class TestHnsw(Conformance):
    options = KindOptions("hnsw")
    count = 1500


class TestIvfFlat(Conformance):
    options = KindOptions("ivf-flat")
    count = 3600


class TestIvfPq(Conformance):
    options = KindOptions("ivf-pq")
    count = 8000

    def test_main_memory_holds_codes_alone(self, catalog: Catalog) -> None:
        info = catalog.info()["types"]["tops"]
        assert info["bytes_per_vector"] < 4 * DIMENSION and info["recall"] >= 0.98
        finder = catalog.snapshot().types["tops"].finder
        assert isinstance(finder.stored, np.memmap)

    @pytest.fixture
    def copied(self, catalog: Catalog, tmp_path: Path) -> Path:
        """A copy of the catalogue, to be damaged."""
        return Path(shutil.copytree(catalog.path, tmp_path / "c"))

    def test_damage_to_the_stored_vectors_is_noticed(self, copied: Path) -> None:
        path = copied / "gen-000001" / "tops.vectors"
        content = bytearray(path.read_bytes())
        content[:4096] = bytes(4096)
        path.write_bytes(content)
        assert any("tops.vectors is damaged" in problem for problem in check(copied).problems)
        path.write_bytes(content[:-8])
        with pytest.raises(CatalogError, match="tops.vectors is damaged: it has another size"):
            Catalog.load(copied)
        path.unlink()
        with pytest.raises(CatalogError, match="tops.vectors is missing; rebuild it with: asworn index"):
            Catalog.load(copied)

    def test_check_measures_the_recall_anew(self, copied: Path) -> None:
        edit_tops(copied, share=1e-6, recall=1.0)
        problems = check(copied, most_vectors=200).problems
        assert any(problem.startswith("tops: searches find ") for problem in problems), problems

    @pytest.mark.parametrize("change", [{"share": 2}, {"share": "x"}, {"refine": 0}, {"stored": "../x"}])
    def test_a_damaged_manifest_is_refused(self, copied: Path, change: dict) -> None:
        edit_tops(copied, **change)
        with pytest.raises(CatalogError, match="is damaged at tops|outside its folder"):
            Catalog.load(copied)


def edit_tops(root: Path, **changes: object) -> None:
    """Change what the manifest says of tops."""
    path = root / "gen-000001" / "manifest.json"
    content = json.loads(path.read_text())
    content["types"]["tops"] |= changes
    path.write_text(json.dumps(content))
    sign(root)


@pytest.mark.parametrize(
    ("largest", "memory", "kind"),
    [
        (10, None, "flat"),
        (FLAT_UP_TO, 100 * GIB, "flat"),
        (FLAT_UP_TO + 1, 100 * GIB, "hnsw"),
        (HNSW_UP_TO + 1, 100 * GIB, "ivf-flat"),
        (FLAT_UP_TO + 1, 60 << 20, "ivf-flat"),  # the vectors fit, the graph beside them does not
        (FLAT_UP_TO, 1 << 20, "ivf-pq"),
        (50_000_000, GIB, "ivf-pq"),
    ],
)
def test_the_kind_is_chosen_by_size_and_memory(largest: int, memory: int | None, kind: str) -> None:
    chosen = plan({"tops": largest, "hats": 5}, 256, KindOptions(memory=memory))
    assert chosen.kind == chosen.types["tops"] == kind and chosen.types["hats"] == "flat"
    assert chosen.reason.startswith(f"{kind}: ") and "\n" not in chosen.reason
    assert ("hats" in chosen.reason) == (kind != "flat")
    forced = plan({"tops": largest}, 256, KindOptions("ivf-flat", memory))
    assert forced.kind == ("ivf-flat" if largest > 4096 else "flat") and "asked for" in forced.reason


def test_this_machine_has_memory() -> None:
    assert machine_memory() > 1 << 20


def test_small_types_stay_flat_and_that_is_said(tmp_path: Path) -> None:
    writer = write(tmp_path / "c", shop(100), KindOptions("hnsw"))
    said = "flat: every type has fewer than the 1000 vectors that hnsw needs (asked for)"
    assert said in writer.kind_line
    catalog = Catalog.load(tmp_path / "c")
    assert {one["kind"] for one in catalog.info()["types"].values()} == {"flat"} and catalog.info()["recall"] == 1
    assert (catalog.info()["reason"], catalog.info()["kind"], catalog.info()["asked"]) == (said, "flat", "hnsw")


@pytest.mark.parametrize("options", [KindOptions("telepathy"), KindOptions(recall=2), KindOptions(memory=0)])
def test_senseless_options_are_refused_before_anything_is_written(tmp_path: Path, options: KindOptions) -> None:
    with pytest.raises(CatalogError):
        CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER, kind=options)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf-flat"])
def test_mapped_files_give_the_same_answers(tmp_path: Path, kind: str) -> None:
    entries = shop(3600)
    write(tmp_path / "c", entries, KindOptions(kind))
    embeddings, probs = queries(entries, 20)
    read = Catalog.load(tmp_path / "c").search(embeddings, probs)
    mapped = Catalog.load(tmp_path / "c", options=OpenOptions(mapped=True))
    for one, other in zip(read, mapped.search(embeddings, probs), strict=True):
        np.testing.assert_array_equal(one, other)
    # A generation whose folder is gone can still be searched by those who have it open.
    for _ in range(3):
        write(tmp_path / "c", entries[:5], None)
    np.testing.assert_array_equal(mapped.search(embeddings, probs)[0], read[0])


@pytest.mark.skipif(hasattr(faiss, "index_cpu_to_gpu") and faiss.get_num_gpus() > 0, reason="there is a GPU here")
@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_a_gpu_that_is_asked_for_and_missing_is_an_error(tmp_path: Path, kind: str) -> None:
    tops = [e for e in shop(1500) if e[0].type == "tops" and e[2][0].type_probs.max() < 0.3]
    write(tmp_path / "c", tops, KindOptions(kind))
    message = "pip install faiss-gpu-cu12" if kind == "flat" else "of kind hnsw, which FAISS searches on the CPU alone"
    with pytest.raises(BackendError, match=message):
        Catalog.load(tmp_path / "c", options=OpenOptions(device="cuda"))


@pytest.mark.skipif(
    not hasattr(faiss, "index_cpu_to_gpu") or faiss.get_num_gpus() < 1, reason="needs faiss-gpu and a GPU"
)
@pytest.mark.parametrize("kind", ["flat", "ivf-flat", "ivf-pq"])
def test_a_gpu_finds_what_the_cpu_finds(tmp_path: Path, kind: str) -> None:
    entries = shop(8000)
    write(tmp_path / "c", entries, KindOptions(kind))
    embeddings, probs = queries(entries, 50)
    here = Catalog.load(tmp_path / "c").search(embeddings, probs)[0]
    there = Catalog.load(tmp_path / "c", options=OpenOptions(device="cuda")).search(embeddings, probs)[0]
    assert (here == there).mean() > 0.97


@pytest.mark.skipif(os.name != "posix", reason="needs signals that kill, which this system lacks")
@pytest.mark.parametrize("finished", [False, True])
def test_killed_while_an_index_is_built(tmp_path: Path, finished: bool) -> None:
    folder, moment = tmp_path / "c", "after" if finished else "before"
    died = subprocess.run([sys.executable, "-m", "tests.kind_crash", str(folder), moment], cwd=ROOT).returncode
    assert died == -signal.SIGKILL
    assert Catalog.load(folder).generation == 1 and len(Catalog.load(folder)) == COUNT
    assert any(entry.name.startswith("partial-") for entry in (folder).iterdir())
    write(folder, shop(COUNT)[:1400], None)
    assert sorted(entry.name for entry in (folder).iterdir()) == ["CURRENT", "gen-000001", "gen-000002"]
    assert not check(folder, most_vectors=200).problems


def test_info_shows_kind_recall_and_bytes(tmp_path: Path) -> None:
    write(tmp_path / "c", shop(1500), KindOptions("hnsw"))
    shown = json.loads(CliRunner().invoke(app, ["info", str(tmp_path / "c"), "--json"]).output)
    tops = shown["types"]["tops"]
    assert shown["kind"] == tops["kind"] == "hnsw" and 0.9 < tops["recall"] <= 1
    assert tops["bytes_per_vector"] > 4 * DIMENSION and shown["types"]["bags"]["kind"] == "flat"
    text = CliRunner().invoke(app, ["info", str(tmp_path / "c")]).output
    assert "recall@10" in text and "bytes a vector" in " ".join(text.split())
