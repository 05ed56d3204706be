"""Sessions refuse what cannot work before anything starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matcher.catalog.writer import CatalogWriter
from matcher.errors import CatalogError, ConfigError, InputError, MediaError
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.types import Product
from tests.test_cli_match import shop  # noqa: F401 - a fixture


@pytest.fixture
def toys(shop: Path) -> Pipeline:  # noqa: F811
    """A pipeline of toys with a catalogue."""
    from matcher.bundle import Bundle
    from matcher.catalog.catalog import Catalog

    return Pipeline(catalog=Catalog.load(shop / "toy.catalog"), bundle=Bundle.open(shop / "toy"))


def test_what_cannot_work_is_said_at_once(toys: Pipeline, shop: Path) -> None:  # noqa: F811
    walk = str(shop / "walk.mp4")
    with pytest.raises(MediaError, match="no such file"):
        Session([StreamSpec("nowhere.mp4")], toys)
    with pytest.raises(ConfigError, match="two streams"):
        Session([StreamSpec(walk, "a"), StreamSpec(walk, "a")], toys)
    with pytest.raises(CatalogError):
        Session([StreamSpec(walk, catalog=str(shop / "none.catalog"))], toys)
    with pytest.raises(InputError, match="publish to"), Session([StreamSpec(walk, publish="out.exe")], toys):
        pass


def test_a_catalogue_of_another_embedder_is_refused(toys: Pipeline, shop: Path, tmp_path: Path) -> None:  # noqa: F811
    with CatalogWriter(tmp_path / "other.catalog", 8, "f" * 64, "other") as writer:
        writer.add(Product("x", type="tops"), np.eye(8, dtype=np.float32)[0])
        writer.commit()
    with pytest.raises(CatalogError, match="embedder"):
        Session([StreamSpec(str(shop / "walk.mp4"), catalog=str(tmp_path / "other.catalog"))], toys)


def test_streams_without_a_catalogue_show_types_only(toys: Pipeline, shop: Path) -> None:  # noqa: F811
    session = Session([StreamSpec(str(shop / "walk.mp4"))], toys, shared_catalog=False)
    assert session.channels[0].pipeline.catalog is None
    assert Session([StreamSpec(str(shop / "walk.mp4"))], toys).channels[0].pipeline.catalog is toys.catalog


def test_names_that_are_not_there(toys: Pipeline, shop: Path) -> None:  # noqa: F811
    session = Session([StreamSpec(str(shop / "walk.mp4"), "walk")], toys)
    assert session.number("walk") == 0
    with pytest.raises(InputError, match="there are: walk"):
        session.number("run")
