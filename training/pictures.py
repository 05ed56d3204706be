"""Opens, or makes at first use, all stores that the detector's pictures are composed from."""

from __future__ import annotations

from pathlib import Path

from matcher.errors import ConfigError
from training.data.backgrounds import read_backgrounds
from training.data.ccp import read_ccp
from training.data.clothing import read_clothing
from training.data.config import DataConfig
from training.data.drawn import open_drawn, open_products
from training.data.sources import Sources
from training.data.store import Store
from training.datasets.annotated import open_annotated
from training.tryon.dressed import dressed_photos


def open_sources(data: DataConfig) -> Sources:
    """Open the packed copies of the data sets, making those that are missing.

    Raises:
        ConfigError: the data is not there.
        InputError: the folder does not hold the data set that is named.
    """
    if data.set:
        photos = open_annotated(data.set, data.root, data.cache, data.height, data.limit, data.box_masks, data.square)
        return Sources(photos, None, None, *_further(data))
    ccp = data.root / "ccp"
    if not (ccp / "instances.json").is_file():
        raise ConfigError(f"no training data under {data.root}; set data.root to the folder with ccp/ and clothing/")
    part = f"_of_{data.limit}" if data.limit else ""
    photos = Store.kept(data.cache / f"ccp_{data.height}{part}", lambda: read_ccp(ccp, data.height, limit=data.limit))
    clothing = data.root / "clothing" / "train"
    garments = Store.kept(data.cache / f"garments{part}", lambda: read_clothing(clothing, data.limit))
    grounds = Store.kept(data.cache / f"backgrounds_{data.height}{part}", lambda: read_backgrounds(photos))
    dressed = _dressed(data, photos, garments, part) if data.dressed else None
    return Sources(photos, grounds, garments, *_further(data), dressed=dressed)


def _dressed(data: DataConfig, photos: Store, garments: Store, part: str) -> Store:
    folder = data.cache / f"dressed_{data.height}_{data.dressed}{part}"
    return Store.kept(folder, lambda: dressed_photos(photos, garments, data.dressed))


def _further(data: DataConfig) -> tuple[Store | None, ...]:
    """Drawn scenes, self-labelled photos, drawn products."""
    scenes, products = data.drawn_count, data.drawn_products
    return (
        open_drawn(data.cache / f"drawn_{scenes}", scenes) if scenes else None,
        Store(Path(data.pseudo)) if data.pseudo else None,
        open_products(data.cache / f"products_{products}", products) if products else None,
    )
