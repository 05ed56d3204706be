"""As Worn: finds the shop listing for the clothes in any video, while it plays.

Example:
    >>> import matcher  # doctest: +SKIP
    >>> catalog = matcher.Catalog.load("shop.catalog")  # doctest: +SKIP
    >>> pipeline = matcher.Pipeline.from_config("configs/file.toml", catalog)  # doctest: +SKIP
    >>> with matcher.open_video("show.mp4") as video, matcher.Report("show.csv") as report:  # doctest: +SKIP
    ...     for frame in video:
    ...         report.write(frame, pipeline(frame))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matcher.catalog.catalog import Catalog
    from matcher.errors import MatcherError
    from matcher.pipeline import Pipeline
    from matcher.sinks.draw import draw
    from matcher.sinks.report import Report
    from matcher.types import Frame, Garments, Product
    from matcher.video.open import open_video

__version__ = "0.1.0"

__all__ = ["Catalog", "Frame", "Garments", "MatcherError", "Pipeline", "Product", "Report", "draw", "open_video"]

# Name -> module. Loaded at first use, so that `import matcher` is quick and needs none of the libraries.
_HOMES = {
    "Catalog": "matcher.catalog.catalog",
    "Frame": "matcher.types",
    "Garments": "matcher.types",
    "MatcherError": "matcher.errors",
    "Pipeline": "matcher.pipeline",
    "Product": "matcher.types",
    "Report": "matcher.sinks.report",
    "draw": "matcher.sinks.draw",
    "open_video": "matcher.video.open",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
