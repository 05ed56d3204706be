"""All stores that pictures are composed from, built at first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from matcher.errors import ConfigError
from training.data.backgrounds import read_backgrounds
from training.data.ccp import read_ccp
from training.data.clothing import read_clothing
from training.data.config import DataConfig
from training.data.drawn import open_drawn
from training.data.records import Annotated
from training.data.store import Store


@dataclass(frozen=True)
class Sources:
    """What there is to compose from.

    Attributes:
        photos: street photos of whole people with all their garments and skin.
        backgrounds: the same photos without the people.
        garments: photos of single garments.
        drawn: finished drawn scenes, if any.
        pseudo: photos labelled by an earlier detector, if any.
    """

    photos: Store
    backgrounds: Store
    garments: Store
    drawn: Store | None = None
    pseudo: Store | None = None


def open_sources(data: DataConfig) -> Sources:
    """Open the packed copies of the data sets, making those that are missing.

    Raises:
        ConfigError: the data is not there.
    """
    ccp = data.root / "ccp"
    if not (ccp / "instances.json").is_file():
        raise ConfigError(f"no training data under {data.root}; set data.root to the folder with ccp/ and clothing/")
    photos = _packed(data.cache / f"ccp_{data.height}", lambda: read_ccp(ccp, data.height))
    return Sources(
        photos,
        _packed(data.cache / f"backgrounds_{data.height}", lambda: read_backgrounds(photos)),
        _packed(data.cache / "garments", lambda: read_clothing(data.root / "clothing" / "train")),
        open_drawn(data.cache / f"drawn_{data.drawn_count}", data.drawn_count) if data.drawn_count else None,
        Store(Path(data.pseudo)) if data.pseudo else None,
    )


def _packed(folder: Path, read: Callable[[], Iterable[tuple[str, Annotated]]]) -> Store:
    return Store(folder) if (folder / "index.json").is_file() else Store.write(folder, read())
