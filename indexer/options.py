"""What a user says about a feed on the command line, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from indexer.feeds.names import KNOWN
from matcher.catalog import folder
from matcher.catalog.choose import check_options
from matcher.catalog.interface import KindOptions
from matcher.catalog.manifest import read_manifest
from matcher.catalog.milvus_client import check_address
from matcher.catalog.settings import Settings
from matcher.errors import CatalogError, InputError


def parse_columns(texts: Iterable[str]) -> dict[str, str]:
    """Our name of a column -> the feed's, from texts such as "id=ArtNr".

    Raises:
        InputError: a text has no "=", names no column of ours, or one twice.
    """
    columns: dict[str, str] = {}
    for text in texts:
        name, is_there, theirs = (part.strip() for part in text.partition("="))
        if name not in KNOWN or not is_there or not theirs:
            names = ", ".join(sorted(KNOWN))
            raise InputError(f"--column {text!r} is not OURS=THEIRS, such as id=ArtNr; ours are {names}")
        if name in columns:
            raise InputError(f"--column names {name} twice; give it once")
        columns[name] = theirs
    return columns


def parse_currency(text: str) -> str:
    """A currency's code in capitals; "" stays "".

    Raises:
        InputError: it has not three letters.
    """
    if text and not re.fullmatch(r"[A-Za-z]{3}", text):
        raise InputError(f"--currency {text!r} is not a three-letter code such as EUR")
    return text.upper()


def parse_settings(root: Path, link_template: str | None, disclosure: str | None) -> Settings | None:
    """The settings for a catalogue: what is None stays as it is there; None = nothing is said.

    Raises:
        InputError: one is not valid.
    """
    said = {"link_template": link_template, "disclosure": disclosure}
    said = {name: text for name, text in said.items() if text is not None}
    if not said:
        return None
    try:
        present = read_manifest(folder.current(root)).settings
    except (CatalogError, OSError):
        present = Settings()
    return replace(present, **said)


def parse_kind(kind: str | None, memory_gib: float | None, milvus: str = "") -> KindOptions:
    """How the vectors of a catalogue are kept; what is None stays as it is there.

    Args:
        kind: its name.
        memory_gib: that searching may take.
        milvus: address of a Milvus server, which says the kind as well.

    Raises:
        CatalogError: there is no such kind, or the memory is not positive.
        InputError: the address is none, or another kind is asked for.
        BackendError: what the kind needs is not installed.
    """
    if milvus and kind not in (None, "milvus"):
        raise InputError(f"--milvus is for --kind milvus, not for {kind}")
    memory = None if memory_gib is None else int(memory_gib * (1 << 30))
    if milvus:
        return KindOptions("milvus", memory, address=check_address(milvus))
    options = KindOptions(kind, memory)
    check_options(options)
    return options
