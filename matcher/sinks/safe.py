"""Texts of shops and files made harmless for pages and spreadsheets."""

from __future__ import annotations

from urllib.parse import urlsplit

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_link(link: str) -> str:
    """The address if it is http or https and names a host, else the empty string."""
    link = link.strip()
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return ""
    return link if parts.scheme.lower() in ("http", "https") and host and link.isprintable() else ""


def safe_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: such ones get an apostrophe in front."""
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text
