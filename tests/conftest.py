"""What several tests share: a hand-written bundle with its shop, and one finished demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.demo import demo
from matcher.bundle import Bundle, bundled
from matcher.catalog.catalog import Catalog
from tests.toy_bundle import make_bundle
from tests.toy_shop import write_shop


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a short demo on the packaged bundle, made once; tests only read it, or copy it."""
    if not (bundled() / "card.json").is_file():
        pytest.skip("the packaged bundle is not in this checkout")
    out = tmp_path_factory.mktemp("demo") / "out"
    demo(out, seconds=2, per_type=2)
    return out


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The hand-written bundle."""
    return make_bundle(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def catalog(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A shop that it can tell apart."""
    return write_shop(tmp_path_factory.mktemp("shop") / "toy.catalog", bundle)
