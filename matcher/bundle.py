"""Bundles: a folder of ONNX files and the card that says what they are. Weights never travel without their card."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from matcher.errors import BundleError

FORMAT = 1
_FILLED_IN = ("format", "files")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled(name: str = "tiny") -> Path:
    """The folder of a bundle that ships inside the package."""
    return Path(str(resources.files("matcher") / "bundles" / name))


@dataclass(frozen=True)
class Bundle:
    """A folder of weights with its card, opened and verified by `Bundle.open`.

    Attributes:
        folder: where the files are.
        card: the parsed `card.json`.
    """

    folder: Path
    card: dict[str, Any]

    @classmethod
    def open(cls, folder: Path | str | None = None, verify: bool = True) -> Bundle:
        """Open a bundle; the packaged tiny one when no folder is given.

        Args:
            folder: the bundle's folder, or the name of a packaged bundle.
            verify: compare the SHA-256 of each file with the card.

        Raises:
            BundleError: no card, a card of another format, a file missing or with another hash.
        """
        path = bundled() if folder is None else Path(folder)
        if not path.exists() and isinstance(folder, str) and bundled(folder).exists():
            path = bundled(folder)
        bundle = cls(path, _read_card(path))
        if verify:
            bundle.verify()
        return bundle

    @property
    def stated(self) -> dict[str, Any]:
        """A copy of the card without what `write_card` fills in: for a bundle that is made from this one."""
        return copy.deepcopy({key: value for key, value in self.card.items() if key not in _FILLED_IN})

    def verify(self) -> None:
        """Compare every file with the hash in the card.

        Raises:
            BundleError: a file is missing or its hash differs.
        """
        for name, expected in self.card["files"].items():
            path = self.path(name)
            if not path.is_file():
                raise BundleError(f"the bundle {self.folder} lacks {name}; install it again or export it anew")
            if sha256_of(path) != expected:
                raise BundleError(f"{path} is damaged: its SHA-256 is not the one in card.json; install it again")

    def path(self, name: str) -> Path:
        """Path of one of the bundle's files; a name that leaves the folder is refused.

        Raises:
            BundleError: the name has a folder part.
        """
        if Path(name).name != name:
            raise BundleError(f"the card of {self.folder} names a file outside its folder: {name}")
        return self.folder / name

    def model(self, name: str) -> dict[str, Any]:
        """The card's section about one model: detector, classifier, embedder or verifier.

        Raises:
            BundleError: the bundle has no such model.
        """
        try:
            return self.card["models"][name]
        except KeyError:
            raise BundleError(f"the bundle {self.folder} has no {name}; use another bundle") from None

    def with_model(self, model: str, name: str, section: dict[str, Any], hashed: str) -> Bundle:
        """The bundle with another project's model in place of its own.

        Args:
            model: which one.
            name: of the replacement, the "file" of its section; also added to the bundle's name.
            section: of the card.
            hashed: SHA-256 that stands for what the replacement gives.
        """
        card = {
            **self.card,
            "name": f"{self.card.get('name', self.folder.name)}+{name}",
            "models": {**self.card["models"], model: section},
            "files": {**self.card["files"], name: hashed},
        }
        return Bundle(self.folder, card)

    @property
    def name(self) -> str:
        """Name and version for display, e.g. "tiny 2026.11"."""
        return f"{self.card.get('name', self.folder.name)} {self.card.get('version', '')}".strip()

    @cached_property
    def embedder_hash(self) -> str:
        """SHA-256 of the embedder's weights and of how its masks are made; catalogues record it."""
        embedder = self.model("embedder")
        weights = self.card["files"][embedder["file"]]
        if not embedder.get("input", {}).get("refine"):
            return weights
        return hashlib.sha256(f"{weights} refine".encode()).hexdigest()

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all files' hashes: the same bundle has the same one."""
        text = "".join(f"{name}:{self.card['files'][name]}\n" for name in sorted(self.card["files"]))
        return hashlib.sha256(text.encode()).hexdigest()


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"no bundle at {folder}: card.json cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from error
    known = isinstance(card, dict) and card.get("format") == FORMAT
    if not known or not isinstance(card.get("files"), dict) or not isinstance(card.get("models"), dict):
        raise BundleError(f"{path} is not a card of format {FORMAT}; export the bundle with this version")
    return card


def write_card(folder: Path, card: dict[str, Any]) -> Path:
    """Write `card.json` for the files in a folder, filling in their hashes.

    Args:
        folder: has the ONNX files that the card's models name.
        card: everything but "format" and "files", see `Bundle.stated`.

    Returns:
        Path of the card.
    """
    names = {section[key] for section in card["models"].values() for key in ("file", "mask_file") if key in section}
    files = {name: sha256_of(folder / name) for name in sorted(names)}
    path = folder / "card.json"
    path.write_text(json.dumps({"format": FORMAT, **card, "files": files}, indent=2) + "\n", encoding="utf-8")
    return path
