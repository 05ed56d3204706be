"""The models of a build as something that can be sent to another machine."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from indexer.describe import BundleDescriber, Describer
from matcher.bundle import Bundle, sha256_of
from matcher.errors import BundleError
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime


class Recipe(Protocol):
    """Makes the models where they are wanted; pickled on the way there."""

    dimension: int

    def __call__(self) -> Describer:
        """Load the models."""
        ...


@dataclass(frozen=True)
class BundleRecipe:
    """A bundle with its files, and where the models are to run.

    Attributes:
        folder: of the bundle on the machine that sends it.
        card: the bundle's.
        files: name -> bytes, of those that the bundle's folder holds. What other projects' models need is not sent:
            every machine must have it under the same path.
        runtime: backend, device and threads.
        dimension: length D of the vectors.
    """

    folder: Path
    card: dict[str, Any]
    files: dict[str, bytes] = field(repr=False)
    runtime: Runtime
    dimension: int

    @classmethod
    def of(cls, bundle: Bundle, runtime: Runtime) -> BundleRecipe:
        """Read a bundle's files.

        Raises:
            BundleError: one cannot be read, or another project's embedder cannot be loaded to ask for its dimension.
        """
        there = [name for name in bundle.card["files"] if (bundle.folder / name).is_file()]
        try:
            files = {name: (bundle.folder / name).read_bytes() for name in there}
        except OSError as error:
            raise BundleError(f"the bundle {bundle.folder} cannot be read ({error.strerror})") from error
        # The models may be wanted on a GPU that this machine has not.
        here = Runtime(runtime.backend, "cpu", runtime.threads)
        dimension = bundle.model("embedder").get("dimension") or Embedder(bundle, here).dimension
        return cls(bundle.folder, bundle.card, files, runtime, dimension)

    def __call__(self) -> BundleDescriber:
        """Load the models: from the same folder where it has the same files, else from a copy that is removed again."""
        if self._is_here():
            return BundleDescriber(Bundle(self.folder, self.card), self.runtime)
        with tempfile.TemporaryDirectory(prefix="asworn-bundle-") as folder:
            for name, data in self.files.items():
                (Path(folder) / name).write_bytes(data)
            return BundleDescriber(Bundle(Path(folder), self.card), self.runtime)

    def _is_here(self) -> bool:
        try:
            return all(
                sha256_of(self.folder / name) == hashlib.sha256(data).hexdigest() for name, data in self.files.items()
            )
        except OSError:
            return False
