"""JSONL: one JSON object on each line, with our names of columns or the usual others; several pictures as a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.feeds import json_values, names
from indexer.feeds.base import FeedOptions, Row
from indexer.feeds.csv import split_images
from indexer.feeds.text import stream
from indexer.feeds.values import BadValue

MAX_LINE = 1 << 20  # characters


class JsonlFeed:
    """Rows are numbered by line."""

    kind = "JSONL"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`."""
        self._path = path
        self._options = options

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`: the first line is an object by itself."""
        first = next((line for line in head.split("\n") if line.strip()), "")
        try:
            return isinstance(json_values.parse(first), dict) and not _is_linked_data(first)
        except BadValue:
            return path.suffix.lower() in (".jsonl", ".ndjson")

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`."""
        for number, line in enumerate(_lines(self._path), 1):
            if line.strip():
                yield read_object(number, line, self._options.columns)


def _is_linked_data(line: str) -> bool:
    return '"@context"' in line or '"@type"' in line


def _lines(path: Path) -> Iterator[str]:
    """Lines without their ends; of one that is too long, what shows that it is."""
    rest = ""
    for piece in stream(path):
        *lines, rest = (rest + piece).split("\n")
        yield from lines
        rest = rest[: MAX_LINE + 1]
    yield rest


def read_object(number: int, text: str, columns: Mapping[str, str]) -> Row:
    """The row of a JSON object as text."""
    try:
        if len(text) > MAX_LINE:
            raise BadValue(f"is longer than {MAX_LINE >> 20} Mi characters")
        value = json_values.parse(text)
        if not isinstance(value, dict):
            raise BadValue("is not a JSON object")
        return to_row(number, value, columns)
    except BadValue as reason:
        return Row(number, {}, problem=str(reason))


def to_row(number: int, value: dict[str, Any], columns: Mapping[str, str]) -> Row:
    """The row of an object."""
    values: dict[str, str] = {}
    images: list[str] = []
    categories: list[str] = []
    try:
        # In the order of the names, so that `id` is there when another value is refused.
        for name, one in sorted(zip(names.ours(value, columns), value.values(), strict=True), key=lambda pair: pair[0]):
            if name in ("image", "images"):
                images.extend(_images(one, name))
            elif name == "category":
                categories.append(json_values.text_of(one, name))
            elif name in ("price", "sale_price"):
                values[name], currency = json_values.money(one)
                values.setdefault("currency", currency)
            elif name in names.KNOWN:
                values[name] = json_values.text_of(one, name) or values.get(name, "")
    except BadValue as reason:
        return Row(number, _with_id(values, value), problem=str(reason))
    return Row(number, values | {"category": " | ".join(filter(None, categories))}, tuple(images))


def _with_id(values: dict[str, str], value: dict[str, Any]) -> dict[str, str]:
    return {"id": str(value["id"])} if isinstance(value.get("id"), (str, int)) else values


def _images(value: Any, name: str) -> list[str]:
    if isinstance(value, list):
        return [image for one in value for image in _images(one, "image")]
    if isinstance(value, dict):
        value = next((value[key] for key in ("url", "src", "contentUrl", "link") if key in value), None)
    if value is not None and not isinstance(value, str):
        raise BadValue("a picture is not named by a text")
    return (split_images(value) if name == "images" else [value]) if value else []
