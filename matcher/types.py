"""The values that flow through the pipeline.

Conventions, said once: images are (H, W, 3) uint8 BGR; boxes are float32 xyxy in source pixels; embeddings are
float32 and L2-normalised; time is `pts * time_base`, an exact Fraction, and seconds are for display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import StageError
from matcher.taxonomy import TYPES

if TYPE_CHECKING:
    from matcher.attributes.detected import DetectorWords

NONE, SIMILAR, EXACT = 0, 1, 2  # tiers of a settled decision
TIERS = ("none", "similar", "exact")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture.

    Attributes:
        image: (H, W, 3) uint8 BGR, upright (rotation metadata applied).
        pts: presentation time stamp in units of `time_base`.
        time_base: seconds per unit, exact.
        source: id of the stream that it came from.
        index: how many frames of the source were decoded before it.
    """

    image: NDArray[np.uint8]
    pts: int = 0
    time_base: Fraction = Fraction(1, 30)
    source: str = ""
    index: int = 0

    @property
    def timestamp(self) -> Fraction:
        """Exact time in seconds."""
        return self.pts * self.time_base

    @property
    def time(self) -> float:
        """Time in seconds, for display."""
        return float(self.timestamp)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class Product:
    """One listing of a shop. `type` is one of `taxonomy.TYPES`; unknown texts are empty, unknown price is None.

    `disclosure` is the label that must stand where the link is shown. It is a setting of the catalogue, no value of a
    feed: only products that come from a catalogue have it.
    """

    id: str
    title: str = ""
    type: str = ""
    group_id: str = ""
    brand: str = ""
    colour: str = ""
    gender: str = ""
    age_group: str = ""
    price: float | None = None
    currency: str = ""
    availability: str = ""
    link: str = ""
    image: str = ""
    disclosure: str = ""

    @property
    def name(self) -> str:
        """What to call it: the title, or the id where the shop gave no title."""
        return self.title or self.id


# Column name -> (stage that fills it, trailing shape with None for any size, dtype).
_COLUMNS: dict[str, tuple[str, tuple[int | None, ...], Any]] = {
    "xyxy": ("detect", (4,), np.float32),
    "score": ("detect", (), np.float32),
    "mask": ("detect (with masks on)", (None, None), np.float32),
    "type_probs": ("detect", (len(TYPES),), np.float32),
    "track_id": ("track", (), np.int64),
    "quality": ("track", (), np.float32),
    "due": ("track", (), np.bool_),
    "shot": ("track", (), np.int64),
    "embedding": ("embed", (None,), np.float32),
    "product_row": ("look up", (None,), np.int64),
    "match_score": ("look up", (None,), np.float32),
    "searched": ("look up", (), np.int64),
    "tier": ("settle", (), np.int64),
    "held": ("hold", (), np.bool_),
    "look": ("look (with masks on)", (None,), np.float32),
    "attributes": ("detect (by a bundle with attributes)", (None,), np.float32),
}


class Garments:
    """The garments of one frame as parallel NumPy columns.

    Columns (N rows; a column is None until its stage has run, and reading it then raises `StageError`):
        xyxy: (N, 4) float32, boxes in source pixels.
        score: (N,) float32, the detector's confidence.
        mask: (N, M, M) float32 0..1 over the box.
        type_probs: (N, T) float32 over `taxonomy.TYPES`; rows sum to 1.
        track_id: (N,) int64, the same number for the same garment over time; -1 = not tracked yet.
        quality: (N,) float32 0..1, how well the garment is seen: size, sharpness, score, not cut or covered.
        due: (N,) bool, rows whose embedding is to be computed in this frame.
        shot: (N,) int64, number of the shot, from 1; the same for all rows of a frame.
        embedding: (N, D) float32, L2-normalised; a row of zeros where none was computed in this frame.
        product_row: (N, K) int64 rows of the catalogue, best first; -1 = none.
        match_score: (N, K) float32 similarity of those products; -1 where there is none.
        searched: (N,) int64, vectors of the catalogue that it was compared with; 0 = not looked up in this frame.
        tier: (N,) int64, 0 none, 1 similar, 2 exact.
        held: (N,) bool, not seen in this frame: it was exact a moment ago, and the box is where it should be now.
        look: (N, L) float32, colours, pattern and cut as `attributes.describe` counts them; zeros = not known yet.
        attributes: (N, A) float32 0..1, how likely each word of `words` is, by the detector of a bundle that has such.

    Indexing with a boolean mask, a slice or integers filters all columns. Instances are not changed in place:
    `with_columns` returns a new one. Iterating gives `Garments` of one row each, for which `type_name` and
    `product` are defined too. `carried` says whether the boxes were moved on from the frame before, in place of a
    detection; `in_shot` is the number of the shot, also of a frame without garments, and 0 before tracking; `words`
    names the columns of `attributes`, None where there are none.
    """

    __slots__ = ("_columns", "_products", "carried", "in_shot", "words")

    def __init__(self, xyxy: NDArray, score: NDArray | None = None, **columns: NDArray | None) -> None:
        """Take the columns given and check their shapes.

        Raises:
            ValueError: a column's length, trailing shape or name is wrong.
        """
        xyxy = np.asarray(xyxy, np.float32).reshape(-1, 4)
        if score is None:
            score = np.ones(len(xyxy), np.float32)
        given = {"xyxy": xyxy, "score": score, **columns}
        self._columns = {name: _check(name, value, len(xyxy)) for name, value in given.items() if value is not None}
        self._products: Callable[[int], Product | None] | None = None
        self.carried, self.in_shot = False, 0
        self.words: DetectorWords | None = None

    @classmethod
    def empty(cls) -> Garments:
        """No garments: every column that `detect` fills is there, with zero rows."""
        return cls(np.zeros((0, 4)), np.zeros(0), type_probs=np.zeros((0, len(TYPES))))

    def with_columns(self, **columns: NDArray) -> Garments:
        """A copy that has these columns set."""
        return self._like(Garments(**{**self._columns, **columns}))

    def with_products(self, products: Callable[[int], Product | None] | None) -> Garments:
        """A copy whose `product` asks this function for the product of a catalogue row."""
        return self._copy(products, self.carried)

    def as_carried(self) -> Garments:
        """A copy that is marked: its boxes do not come from a detection in this frame."""
        return self._copy(self._products, True)

    def of_shot(self, number: int) -> Garments:
        """A copy that belongs to a shot, numbered from 1."""
        copy = self._copy(self._products, self.carried)
        copy.in_shot = number
        return copy

    def with_words(self, words: DetectorWords) -> Garments:
        """A copy whose column `attributes` stands for these words."""
        copy = self._copy(self._products, self.carried)
        copy.words = words
        return copy

    def _copy(self, products: Callable[[int], Product | None] | None, carried: bool) -> Garments:
        copy = Garments.__new__(Garments)
        copy._columns, copy._products, copy.carried, copy.in_shot = self._columns, products, carried, self.in_shot
        copy.words = self.words
        return copy

    def _like(self, new: Garments) -> Garments:
        """New garments with what belongs to no column."""
        new._products, new.carried, new.in_shot = self._products, self.carried, self.in_shot
        new.words = self.words
        return new

    def joined(self, others: Garments) -> Garments:
        """These rows and behind them others; both need the same columns, unless one of them has no rows.

        Raises:
            ValueError: a column is missing in one of them, or of another shape.
        """
        if not len(self) or not len(others):
            return self._like(others if len(others) else self[:])
        if self._columns.keys() != others._columns.keys():
            raise ValueError(f"these have other columns: {sorted(self._columns.keys() ^ others._columns.keys())}")
        both = {name: np.concatenate([column, others._columns[name]]) for name, column in self._columns.items()}
        return self._like(Garments(**both))

    @property
    def seen(self) -> Garments:
        """The rows that are seen in this frame: all but those that are held."""
        return self[~self.held] if self.has("held") and self.held.any() else self

    def has(self, name: str) -> bool:
        """Whether the stage that fills this column has run."""
        return name in self._columns

    def __getattr__(self, name: str) -> NDArray:
        if name in _COLUMNS:
            try:
                return self._columns[name]
            except KeyError:
                raise StageError(f"no column {name!r} yet: run the stage '{_COLUMNS[name][0]}' first") from None
        raise AttributeError(name)

    def __len__(self) -> int:
        return len(self._columns["xyxy"])

    def __getitem__(self, rows: NDArray | slice | list[int] | int) -> Garments:
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        return self._like(Garments(**{name: column[rows] for name, column in self._columns.items()}))

    def __iter__(self) -> Iterator[Garments]:
        """Each row as a `Garments` of length 1."""
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Garments({len(self)} rows: {', '.join(self._columns)})"

    @property
    def type_id(self) -> NDArray[np.int64]:
        """(N,) the likeliest type of each row."""
        return self.type_probs.argmax(1) if len(self) else np.zeros(0, np.int64)

    @property
    def type_score(self) -> NDArray[np.float32]:
        """(N,) probability of the likeliest type."""
        return self.type_probs.max(1) if len(self) else np.zeros(0, np.float32)

    @property
    def type_names(self) -> list[str]:
        """Name of the likeliest type of each row."""
        return [TYPES[i] for i in self.type_id]

    @property
    def type_name(self) -> str:
        """Name of the likeliest type of the only row."""
        return TYPES[self.type_id[self._only()]]

    @property
    def product(self) -> Product | None:
        """The best product of the only row, None where there is none.

        Raises:
            StageError: the stage "look up" has not run.
        """
        rows = self.product_row[self._only()]
        return self.listing(int(rows[0])) if len(rows) else None

    def listing(self, product_row: int) -> Product | None:
        """The product of a catalogue row; None for -1 and where no catalogue was attached (`with_products`)."""
        return self._products(product_row) if self._products is not None and product_row >= 0 else None

    def _only(self) -> int:
        if len(self) != 1:
            raise ValueError(f"this is defined for one garment, here are {len(self)}: index or iterate first")
        return 0

    @property
    def best_score(self) -> NDArray[np.float32]:
        """(N,) similarity of the best product, -1 where there is none."""
        return self.match_score[:, 0] if self.match_score.shape[1] else np.full(len(self), -1, np.float32)


def _check(name: str, value: NDArray, rows: int) -> NDArray:
    if name not in _COLUMNS:
        raise ValueError(f"no column is called {name!r}; the columns are {', '.join(_COLUMNS)}")
    _, trailing, dtype = _COLUMNS[name]
    array = np.asarray(value, dtype)
    fits = array.ndim == 1 + len(trailing) and all(
        want is None or want == got for want, got in zip(trailing, array.shape[1:], strict=True)
    )
    if not fits or len(array) != rows:
        expected = ", ".join(str(rows) if i == 0 else str(t or "any") for i, t in enumerate((rows, *trailing)))
        raise ValueError(f"column {name!r} must have shape ({expected}), got {array.shape}")
    return array


def product_fields() -> tuple[str, ...]:
    """Names of the fields of `Product` that a shop gives, in order."""
    return tuple(field.name for field in fields(Product) if field.name != "disclosure")


def with_type(product: Product, type_name: str) -> Product:
    """The product with another type."""
    return replace(product, type=type_name)
