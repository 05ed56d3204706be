"""What several tests share: one finished demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.demo import demo
from matcher.bundle import bundled


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a short demo on the packaged bundle, made once; tests only read it, or copy it."""
    if not (bundled() / "card.json").is_file():
        pytest.skip("the packaged bundle is not in this checkout")
    out = tmp_path_factory.mktemp("demo") / "out"
    demo(out, seconds=2, per_type=2)
    return out
