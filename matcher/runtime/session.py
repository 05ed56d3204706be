"""The interface that every backend offers."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import NDArray


class Session(Protocol):
    """One loaded model. Calling it is thread-safe."""

    provider: str  # what runs it, e.g. "CPUExecutionProvider"

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """Run the model.

        Args:
            **inputs: an array for each input of the model, by name.

        Returns:
            An array for each output, by name.
        """
        ...
