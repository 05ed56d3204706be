"""What every data set offers, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from matcher.errors import InputError
from training.datasets.records import Picture
from training.datasets.report import Report
from training.datasets.taxonomy import Taxonomy


class DataSet(Protocol):
    """A data set in a folder.

    Attributes:
        splits: those that are there, of `TRAIN`, `VALIDATION` and `TEST`.
        attributes: number to name, where the set has attributes.
    """

    splits: tuple[str, ...]
    attributes: Mapping[int, str]

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """Look what is in `root`; nothing large is read yet.

        Raises:
            InputError: it does not hold this data set.
        """
        ...

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """The pictures of a split in a fixed order; what is broken goes into the report and is left out."""
        ...


def present(root: Path, name: str, needed: Mapping[str, Path], one_of: bool = True) -> tuple[str, ...]:
    """Which splits are there.

    Args:
        root: folder that the user named.
        name: of the data set, for the message.
        needed: split to the file or folder that it starts from.
        one_of: one split is enough.

    Raises:
        InputError: none is there.
    """
    found = tuple(split for split, path in needed.items() if path.exists())
    if not found or not (one_of or len(found) == len(needed)):
        wanted = " or ".join(dict.fromkeys(str(path.relative_to(root)) for path in needed.values()))
        raise InputError(f"{root} does not hold {name}: there is no {wanted}")
    return found
