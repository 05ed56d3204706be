"""Embedders of other projects in place of a bundle's own: their names, and the hash that a catalogue records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.bundle import Bundle, sha256_of
from matcher.errors import BundleError, ConfigError

# Backend -> what a name of it looks like.
BACKENDS: Mapping[str, str] = {
    "open_clip": "open_clip:ViT-B-32:weights.safetensors",
    "dinov2": "dinov2:small:weights.pth",
}
KEPT = ("detector", "classifier")  # models of a bundle that do not work on embeddings
RANDOM_SEED = 0  # of the weights where no file is named
_PREPARATION = "1"  # raise it when the same picture would give another vector


@dataclass(frozen=True)
class ForeignEmbedder:
    """An embedder by name.

    Attributes:
        backend: one of `BACKENDS`.
        model: its name in that library.
        weights: file of weights; None = random ones of a fixed seed, which serve for trying out alone.
    """

    backend: str
    model: str
    weights: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ForeignEmbedder:
        """Read "BACKEND:MODEL[:WEIGHTS]".

        Raises:
            ConfigError: the text has another form, or the file of weights is missing.
        """
        backend, _, rest = text.partition(":")
        model, _, weights = rest.partition(":")
        if backend not in BACKENDS or not model:
            raise ConfigError(f"{text!r} names no embedder; write {' or '.join(BACKENDS.values())}")
        if weights and not Path(weights).is_file():
            raise ConfigError(f"no weights of {backend}:{model} at {weights}; name a file that is on this machine")
        return cls(backend, model, Path(weights) if weights else None)

    @property
    def name(self) -> str:
        """Without the file."""
        return f"{self.backend}:{self.model}"

    def hash(self) -> str:
        """SHA-256 that stands for the vectors: of the name and of the file's content, or of the random seed.

        Raises:
            BundleError: the file cannot be read.
        """
        try:
            origin = sha256_of(self.weights) if self.weights else f"random {RANDOM_SEED}"
        except OSError as error:
            raise BundleError(f"cannot read {self.weights}: {error.strerror}") from error
        return hashlib.sha256(f"{_PREPARATION}\n{self.name}\n{origin}".encode()).hexdigest()

    def section(self) -> dict[str, Any]:
        """What stands in a card in place of the bundle's own embedder."""
        weights = str(self.weights) if self.weights else ""
        return {"backend": self.backend, "model": self.model, "weights": weights, "file": self.name}


def with_embedder(bundle: Bundle, text: str) -> Bundle:
    """The bundle with another project's embedder; what works on the own embedder's vectors is left out.

    Args:
        bundle: opened.
        text: "BACKEND:MODEL[:WEIGHTS]"; empty = the bundle as it is.

    Raises:
        ConfigError: see `ForeignEmbedder.parse`.
        BundleError: the weights cannot be read.
    """
    if not text:
        return bundle
    foreign = ForeignEmbedder.parse(text)
    models = {name: section for name, section in bundle.card["models"].items() if name in KEPT}
    kept = Bundle(bundle.folder, {**bundle.card, "models": models})
    return kept.with_model("embedder", foreign.name, foreign.section(), foreign.hash())
