"""The stores that pictures are composed from."""

from __future__ import annotations

from dataclasses import dataclass

from training.data.store import Drawable, Store


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
        dressed: street photos whose people wear other clothes, if any.
    """

    photos: Drawable
    backgrounds: Store | None
    garments: Store | None
    drawn: Store | None = None
    pseudo: Store | None = None
    products: Store | None = None
    dressed: Store | None = None
