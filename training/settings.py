"""Settings as frozen dataclasses read from TOML; what is not known is refused."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from pathlib import Path
from typing import Any, TypeVar

from matcher.errors import ConfigError

Settings = TypeVar("Settings")


def load_settings(kind: type[Settings], path: Path) -> Settings:
    """Read a recipe.

    Args:
        kind: a frozen dataclass; a field may be another one, which is then a TOML table.
        path: the TOML file.

    Raises:
        ConfigError: unreadable file, unknown key or a value of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the training recipe {path}: {error}") from error
    return from_table(kind, table, str(path))


def from_table(kind: type[Settings], table: dict[str, Any], where: str) -> Settings:
    """Build a frozen settings class from a TOML table, refusing what it does not know."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ConfigError(f"{where}: unknown settings {', '.join(unknown)}; known are {', '.join(sorted(hints))}")
    return kind(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()})


def to_table(config: Any) -> dict[str, Any]:
    """The settings as plain values that a checkpoint can hold."""
    plain = dataclasses.asdict(config)
    return {k: _plain(v) for k, v in plain.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_table(hint, value, where)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, list):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and not isinstance(value, hint):
        raise ConfigError(f"{where} must be of kind {hint.__name__}, not {value!r}")
    return value
