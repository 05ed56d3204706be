"""The manifest of a generation: what is in it, which embedder made it, and the hash of every file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matcher.bundle import sha256_of
from matcher.catalog.interface import KindOptions
from matcher.catalog.settings import Settings
from matcher.errors import CatalogError, InputError

# 1: products without an age group, no settings. 2: every vector in the sub-index of its product's type alone. 3: flat.
# All are read; what is written anew is of the newest format.
FORMAT = 4
READABLE = (1, 2, 3, 4)
NAME = "manifest.json"
FIGURES = ("recall", "bytes_per_vector")  # what a kind measures when it is built
_MAX_BYTES = 4 << 20
_REQUIRED = {
    "generation": int,
    "embedder": str,
    "bundle": str,
    "dimension": int,
    "kind": str,
    "products": int,
    "vectors": int,
    "types": dict,
    "files": dict,
}


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says.

    Attributes:
        generation: its number.
        embedder: SHA-256 of the embedder's weights.
        bundle: name of the bundle, for people.
        dimension: length D of the vectors.
        kind: of the large sub-indexes, e.g. "flat".
        products: how many.
        vectors: how many, each counted once.
        types: type name -> {"file", "products", "vectors", "listed"}: how many are of the type, and how many vectors of
            other types' products are found there too (see `listing`); "kind", which is flat where the type is small;
            and what that kind's `write` returned; types with neither are left out.
        files: file name -> SHA-256.
        created: when, in UTC, ISO 8601.
        settings: the catalogue's, see `Settings`.
        asked: the kind that was asked for: a name or "auto".
        memory: as of `KindOptions`.
        recall: the same.
        address: the same.
        reason: why the kind is the one that it is, for people.
    """

    generation: int
    embedder: str
    bundle: str
    dimension: int
    kind: str
    products: int
    vectors: int
    types: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    created: str = ""
    settings: Settings = Settings()
    asked: str = "auto"
    memory: int | None = None
    recall: float = KindOptions.recall
    address: str = ""
    reason: str = ""
    format: int = FORMAT

    def figure(self, name: str, section: dict[str, Any]) -> float:
        """One of `FIGURES` of a type; older formats are flat and do not say it."""
        return section.get(name, {"recall": 1.0, "bytes_per_vector": 4.0 * self.dimension}[name])

    def mean(self, name: str) -> float:
        """One of `FIGURES`, over all vectors."""
        sections = [(one, one["vectors"] + one.get("listed", 0)) for one in self.types.values()]
        total = sum(self.figure(name, one) * count for one, count in sections)
        return round(total / max(sum(count for _, count in sections), 1), 4)


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write the manifest of a folder and return its path."""
    path = folder / NAME
    path.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return path


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation.

    Raises:
        CatalogError: it is not valid, or of another format.
        FileNotFoundError: there is none.
    """
    path = folder / NAME
    if path.stat().st_size > _MAX_BYTES:
        raise CatalogError(f"{path} is too large to be a manifest; rebuild the catalogue")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CatalogError(f"{path} is damaged ({error}); rebuild the catalogue") from error
    return _parse(path, content)


def _parse(path: Path, content: Any) -> Manifest:
    found = content.get("format") if isinstance(content, dict) else None
    if found not in READABLE:
        known = ", ".join(map(str, READABLE))
        raise CatalogError(f"{path} is of format {found}, this version reads {known}; rebuild the catalogue")
    wrong = [name for name, kind in _REQUIRED.items() if not isinstance(content.get(name), kind)]
    if wrong:
        raise CatalogError(f"{path} lacks {', '.join(wrong)}; rebuild the catalogue")
    try:
        return Manifest(**{**content, "settings": Settings(**content.get("settings", {}))})
    except (TypeError, InputError) as error:
        raise CatalogError(f"{path} is damaged ({error}); rebuild the catalogue") from error


def file_path(folder: Path, name: str) -> Path:
    """Path of a file that the manifest names; a name that leaves the folder is refused.

    Raises:
        CatalogError: the name has a folder part.
    """
    if not isinstance(name, str) or Path(name).name != name or "\\" in name:
        raise CatalogError(f"the manifest of {folder} names a file outside its folder: {name}")
    return folder / name


def listed_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Path of a file that the manifest has a hash of, which is not compared here.

    Raises:
        CatalogError: it has none.
    """
    path = file_path(folder, name)
    if name not in manifest.files:
        raise CatalogError(f"the manifest of {folder} has no hash of {name}; rebuild the catalogue")
    return path


def verify_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Path of a file whose bytes are the ones that the manifest tells.

    Raises:
        CatalogError: the file is not listed or has another SHA-256.
        FileNotFoundError: it is missing.
    """
    path = listed_file(folder, manifest, name)
    if sha256_of(path) != manifest.files[name]:
        raise CatalogError(f"{path} is damaged: its SHA-256 is not the one in the manifest; rebuild the catalogue")
    return path
