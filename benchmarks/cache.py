"""Keys of what is made once and kept: the same only for the same material, made by the same code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def default_folder() -> Path:
    """Where benchmarks keep what takes long to make: below XDG_CACHE_HOME, else below the home's .cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "asworn" / "bench"


def key_of(*texts: str) -> str:
    """24 hexadecimal digits that stand for texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:24]


def code_key(modules: Iterable[ModuleType]) -> str:
    """The same as long as the modules' files are."""
    files = sorted(str(module.__file__) for module in modules)
    return key_of(*(Path(file).read_text(encoding="utf-8") for file in files))
