"""Data sets by name."""

from __future__ import annotations

from pathlib import Path

from matcher.errors import ConfigError, InputError
from training.datasets.base import DataSet
from training.datasets.ccp import ClothingCoParsing
from training.datasets.coco import Fashionpedia, PlainCoco
from training.datasets.deepfashion import ConsumerToShop, InShop
from training.datasets.deepfashion2 import DeepFashion2
from training.datasets.fashion_mnist import FashionMnist
from training.datasets.folders import Folders
from training.datasets.imaterialist import IMaterialist2019
from training.datasets.movingfashion import MovingFashion
from training.datasets.street2shop import Street2Shop
from training.datasets.taxonomy import read_taxonomy

SETS: dict[str, type[DataSet]] = {
    "deepfashion2": DeepFashion2,
    "street2shop": Street2Shop,
    "deepfashion-consumer": ConsumerToShop,
    "deepfashion-inshop": InShop,
    "fashionpedia": Fashionpedia,
    "imaterialist2019": IMaterialist2019,
    "movingfashion": MovingFashion,
    "ccp": ClothingCoParsing,
    "fashion-mnist": FashionMnist,
    "coco": PlainCoco,
    "folders": Folders,
}


def open_set(name: str, root: Path, taxonomy: Path | None = None) -> DataSet:
    """Open a data set.

    Args:
        name: one of `SETS`.
        root: folder that it was unpacked in.
        taxonomy: TOML file that maps its categories to types; the packaged one when None.

    Raises:
        ConfigError: there is no set of that name, or the taxonomy cannot be used.
        InputError: the folder does not hold it.
    """
    if name not in SETS:
        raise ConfigError(f"no data set is called {name!r}; choose one of {', '.join(SETS)}")
    if not root.is_dir():
        raise InputError(f"there is no folder {root}")
    return SETS[name](root, read_taxonomy(taxonomy) if taxonomy is not None else None)
