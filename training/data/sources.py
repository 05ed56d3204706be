"""All stores that pictures are composed from, built at first use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matcher.errors import ConfigError
from training.data.backgrounds import read_backgrounds
from training.data.ccp import read_ccp
from training.data.clothing import read_clothing
from training.data.config import DataConfig
from training.data.drawn import open_drawn, open_products
from training.data.store import Drawable, Store
from training.datasets.annotated import open_annotated


@dataclass(frozen=True)
class Sources:
    """What there is to compose from.

    Attributes:
        photos: street photos of whole people with all their garments and skin, or a public data set.
        backgrounds: the same photos without the people; None for a data set, which does not say where they are.
        garments: photos of single garments; None for a data set.
        drawn: finished drawn scenes, if any.
        pseudo: photos labelled by an earlier detector, if any.
        products: finished drawn product photos, if any.
    """

    photos: Drawable
    backgrounds: Store | None
    garments: Store | None
    drawn: Store | None = None
    pseudo: Store | None = None
    products: Store | None = None


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
    return Sources(
        photos,
        Store.kept(data.cache / f"backgrounds_{data.height}{part}", lambda: read_backgrounds(photos)),
        Store.kept(data.cache / f"garments{part}", lambda: read_clothing(data.root / "clothing" / "train", data.limit)),
        *_further(data),
    )


def _further(data: DataConfig) -> tuple[Store | None, ...]:
    """Drawn scenes, self-labelled photos, drawn products."""
    scenes, products = data.drawn_count, data.drawn_products
    return (
        open_drawn(data.cache / f"drawn_{scenes}", scenes) if scenes else None,
        Store(Path(data.pseudo)) if data.pseudo else None,
        open_products(data.cache / f"products_{products}", products) if products else None,
    )
