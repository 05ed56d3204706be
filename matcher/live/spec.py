"""What streams there are to be: on the command line one after the other, or in a TOML file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matcher.config import from_table, load_toml
from matcher.errors import ConfigError
from matcher.video.container import source_name

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@dataclass(frozen=True)
class StreamSpec:
    """One stream.

    Attributes:
        source: a path, an address, or a camera as `camera:0`.
        name: for people and addresses: small letters, digits, dots and dashes; made of the source where it is empty.
        catalog: folder of its catalogue; empty = that of the command.
        publish: where its annotated picture is sent; empty = nowhere.
        loop: whether a recording is played again and again.
    """

    source: str
    name: str = ""
    catalog: str = ""
    publish: str = ""
    loop: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.source:
            raise ConfigError('a stream needs a source: source = "rtmp://..."')
        if self.name and not _NAME.fullmatch(self.name):
            raise ConfigError(f"{self.name!r} is no name for a stream; use small letters, digits, dots and dashes")


def load_streams(path: Path | str) -> list[StreamSpec]:
    """Read the tables `[[stream]]` of a TOML file.

    Raises:
        ConfigError: it is missing or no TOML, or a setting is unknown or wrong.
    """
    table = load_toml(path)
    streams = table.pop("stream", None)
    if table or not isinstance(streams, list) or not all(isinstance(one, dict) for one in streams) or not streams:
        raise ConfigError(f"{path}: write one table [[stream]] for each stream, and nothing else")
    missing = [number for number, one in enumerate(streams, 1) if "source" not in one]
    if missing:
        raise ConfigError(f'{path}: stream {missing[0]} needs a source: source = "rtmp://..."')
    return [from_table(StreamSpec, one, str(path)) for one in streams]


def named(specs: Sequence[StreamSpec], taken: Sequence[str] = ()) -> list[StreamSpec]:
    """The streams, each with a name of its own.

    Raises:
        ConfigError: a name was given twice.
    """
    names, result = list(taken), []
    for spec in specs:
        if spec.name in names:
            raise ConfigError(f"two streams are called {spec.name!r}; give each a name of its own")
        name = spec.name or _free(spec.source, names)
        names.append(name)
        result.append(replace(spec, name=name))
    return result


def _free(source: str, taken: Sequence[str]) -> str:
    """A short name; of an address the host only, since its path may hold a key that lets one publish."""
    shown = source_name(source)
    shown = shown.split("://")[1].split("/")[0] or "stream" if "://" in shown else Path(shown).stem or shown
    plain = re.sub(r"[^a-z0-9.]+", "-", shown.lower()).strip("-.")[:34] or "stream"
    return next(name for name in (plain, *(f"{plain}-{i}" for i in range(2, len(taken) + 3))) if name not in taken)
