"""Which kind of picture comes next. Everything follows from (seed, step, process), so a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from matcher.errors import ConfigError
from training.data.frames import RARE_TYPES, compose_frame
from training.data.garments import compose_flatlay, compose_garment, compose_mosaic, compose_product
from training.data.photos import compose_photo
from training.data.records import Annotated, Sample
from training.data.sources import Sources
from training.data.store import Store

Maker = Callable[[Sources, tuple[int, int], Generator], Sample]


def _photo(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    return compose_photo(sources.photos.draw(rng, RARE_TYPES), canvas, rng)


def _frame(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    people = sources.photos
    if sources.dressed is not None and rng.random() < 0.5:
        people = sources.dressed
    return compose_frame(people, sources.backgrounds, canvas, rng)


def _dressed(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    return compose_photo(_needed(sources.dressed, "dressed", "dressed", rng), canvas, rng)


def _drawn(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    # The renderer's masks have every strap, however far away; those of photos have what somebody saw.
    return compose_photo(_needed(sources.drawn, "drawn", "drawn_count", rng), canvas, rng, bodies=True)


def _pseudo(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    return compose_photo(_needed(sources.pseudo, "pseudo", "pseudo", rng), canvas, rng)


def _product(sources: Sources, canvas: tuple[int, int], rng: Generator) -> Sample:
    return compose_product(_needed(sources.products, "product", "drawn_products", rng), canvas, rng)


def _needed(store: Store | None, kind: str, setting: str, rng: Generator) -> Annotated:
    if store is None:
        raise ConfigError(f'the mix asks for "{kind}" pictures; set data.{setting}')
    return store.draw(rng, RARE_TYPES)


# Kind of picture -> (shape of its canvas, how it is made).
KINDS: dict[str, tuple[str, Maker]] = {
    "photo": ("portrait", _photo),
    "garment": ("portrait", compose_garment),
    "flatlay": ("wide", compose_flatlay),
    "frame": ("wide", _frame),
    "mosaic": ("wide", compose_mosaic),
    "drawn": ("wide", _drawn),
    "pseudo": ("portrait", _pseudo),
    "dressed": ("portrait", _dressed),
    "product": ("portrait", _product),
}
# Kinds that need photos of single garments, or to know where people are.
_OWN = ("garment", "flatlay", "frame", "mosaic")


class Mix:
    """Makes training pictures of all kinds in the asked proportion."""

    def __init__(self, sources: Sources, weights: dict[str, float]) -> None:
        """Check the proportions.

        Raises:
            ConfigError: a kind that does not exist or that the sources cannot give, or no positive weight.
        """
        unknown = sorted(set(weights) - set(KINDS))
        if unknown or sum(weights.values()) <= 0:
            raise ConfigError(f"the mix needs positive weights for some of {', '.join(KINDS)}; got {weights}")
        missing = [kind for kind in _OWN if weights.get(kind, 0) > 0] if sources.garments is None else []
        if missing:
            raise ConfigError(
                f"the mix asks for {', '.join(missing)}, which a public data set does not give; use photo"
            )
        self._sources = sources
        self._weights = weights

    def shape_of(self, rng: Generator) -> str:
        """Draw the canvas shape of a batch: "portrait" or "wide"."""
        wide = sum(w for kind, w in self._weights.items() if KINDS[kind][0] == "wide")
        return "wide" if rng.random() * sum(self._weights.values()) < wide else "portrait"

    def make(self, shape: str, canvas: tuple[int, int], rng: Generator) -> Sample:
        """One picture of a kind that is made on canvases of this shape."""
        kinds = [kind for kind, (kind_shape, _) in KINDS.items() if kind_shape == shape and kind in self._weights]
        weights = np.array([self._weights[kind] for kind in kinds])
        kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
        return KINDS[kind][1](self._sources, canvas, rng)
