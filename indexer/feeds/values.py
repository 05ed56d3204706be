"""Values of a feed: prices, links, picture paths, texts. Each function returns a value or raises with the reason."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from matcher.taxonomy import type_of

MAX_TEXT = 5000
MAX_ID = 200
_UNKNOWN = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan"})
_SYMBOLS = {"€": "EUR", "$": "USD", "us$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN", "kr": "", "fr.": "CHF"}
_AMOUNT = re.compile(r"\d[\d.,'\u2019\u00a0\u202f ]*\d|\d")
_SEPARATOR = re.compile(r"[.,'\u2019\u00a0\u202f ]")
# Of Google's product taxonomy (version 2021-09-21), those that are one of our types as a whole.
_GOOGLE_NUMBERS = {
    "100": "bags",
    "169": "belts",
    "173": "hats",
    "178": "eyewear",
    "187": "footwear",
    "203": "outerwear",
    "204": "pants",
    "207": "pants",
    "212": "tops",
    "1581": "skirts",
    "2271": "dresses",
    "3032": "bags",
    "5598": "outerwear",
}
# "tops:red.jpg" may well be a file.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+(?=://)|https?|file|data|ftp|javascript|blob):", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


class BadValue(ValueError):
    """A value that cannot be used; the message is the reason."""


def exact_text(value: str) -> str:
    """A text as it is but for spaces around it: for ids and paths.

    Raises:
        BadValue: too long, or not valid text.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadValue("is not UTF-8 text; save the file as UTF-8")
    if len(value) > MAX_TEXT:
        raise BadValue(f"a text is longer than {MAX_TEXT} characters")
    return value.strip()


def clean_text(value: str) -> str:
    """A text for people: control characters and runs of spaces become one space.

    Raises:
        BadValue: as for `exact_text`.
    """
    return " ".join(_CONTROL.sub(" ", exact_text(value)).split())


def product_id(value: str) -> str:
    """A product's id.

    Raises:
        BadValue: none is given, or it is too long.
    """
    if not value:
        raise BadValue("has no id")
    if _CONTROL.search(value):
        raise BadValue("the id has control characters")
    if len(value) > MAX_ID:
        raise BadValue(f"the id is longer than {MAX_ID} characters")
    return value


def price(text: str, currency: str = "") -> tuple[float | None, str]:
    """Read a price such as "12,50 EUR", "€ 1.234,50", "1,234.50" or "12".

    Args:
        text: the feed's price; "", "-", "n/a" and the like mean unknown.
        currency: the feed's currency column, if there is one.

    Returns:
        The amount (None = unknown) and the currency as a three-letter code ("" = unknown).

    Raises:
        BadValue: not a price, ambiguous, or of two currencies.
    """
    given = _currency(currency)
    if text.strip().lower() in _UNKNOWN:
        return None, given
    text = re.sub(r"[.,]\s*[-\u2013\u2014]+", "", text)  # 12,- is 12
    amounts = _AMOUNT.findall(text)
    rest = _AMOUNT.sub(" ", text).strip()
    if len(amounts) != 1 or "-" in rest or len(rest) > 8:
        raise BadValue(f"the price {text!r} is not an amount; write it like 12.50 EUR")
    named = _currency(rest)
    if given and named and given != named:
        raise BadValue(f"the price {text!r} is not in the currency {given}")
    return _amount(amounts[0], text), given or named


def _currency(text: str) -> str:
    text = text.strip()
    if text.lower() in _UNKNOWN:
        return ""
    code = _SYMBOLS.get(text.lower(), text.upper())
    if code and not re.fullmatch(r"[A-Z]{3}", code):
        raise BadValue(f"the currency {text!r} is not a three-letter code such as EUR")
    return code


def _amount(digits: str, text: str) -> float:
    whole, cents = _split_decimals(digits, text)
    first, *groups = _SEPARATOR.split(whole)
    # Groups of two are Indian: 1,00,000. The last one has three digits everywhere.
    regular = all(len(group) in (2, 3) for group in groups) and (not groups or len(groups[-1]) == 3 >= len(first))
    if not regular or not f"{first}{cents or 0}".isdecimal() or len(digits) > 15:
        raise BadValue(f"the price {text!r} is not an amount; write it like 12.50 EUR")
    return float(f"{first}{''.join(groups)}.{cents or '0'}")


def _split_decimals(digits: str, text: str) -> tuple[str, str]:
    marks = [letter for letter in digits if letter in ".,"]
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", digits):
        raise BadValue(f"the price {text!r} may mean thousands or decimals; write it with two decimals")
    thousands = len(marks) > 1 and len(set(marks)) == 1 or re.fullmatch(r"[1-9]\d{0,2},\d{3}", digits)
    if thousands or not marks:
        return digits, ""
    whole, _, cents = digits.rpartition(marks[-1])
    return whole, cents


def link(text: str) -> str:
    """A link of http or https; "" stays "".

    Raises:
        BadValue: any other scheme, no host, or no link at all.
    """
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and " " not in text
    except ValueError:
        is_web = False
    if not is_web:
        raise BadValue("the link does not begin with http:// or https:// and a host")
    return text


def garment_type(type_text: str, category: str) -> str:
    """One of `taxonomy.TYPES` from the feed's type, else from its category; "" = unknown.

    The last part of a category that we know decides: "Clothing > Shirts & Tops" are tops. Google's numbers of
    categories are understood too.
    """
    parts = [part.strip() for part in re.split(r"[>|;/]", category)]
    for name in (type_text, category, *reversed(parts)):
        found = _type_named(name) if name else ""
        if found:
            return found
    return ""


def _type_named(name: str) -> str:
    number, _, path = name.partition(" - ")
    if number.strip() in _GOOGLE_NUMBERS:
        return _GOOGLE_NUMBERS[number.strip()]
    found = type_of(path if number.strip().isdecimal() else name)
    if found or not re.search(r"&|,| and ", name):
        return found or ""
    # "Coats & Jackets": all of the halves that we know must agree.
    halves = {type_of(half) for half in re.split(r"&|,| and ", name)} - {None}
    return halves.pop() if len(halves) == 1 else ""


def is_within(dates: str, now: datetime) -> bool:
    """Whether a time lies in an interval such as "2026-11-01T00:00+0100/2026-11-30T23:59+0100"; "" is for ever.

    Raises:
        BadValue: not an interval.
    """
    if not dates:
        return True
    try:
        first, last = (datetime.fromisoformat(text.strip()) for text in dates.split("/"))
    except ValueError:
        raise BadValue(f"the dates {dates!r} of the reduced price are not FROM/TO in ISO 8601") from None
    first, last = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in (first, last))
    return first <= now <= last


def picture_url(text: str, address: str) -> str:
    """The address of a picture; "" when the text names a file.

    Args:
        text: as the feed writes it.
        address: of the feed itself, where it came from the web: then nothing is a file. "" = a file.

    Raises:
        BadValue: an address that is not of http or https, or has no host.
    """
    if text.startswith("//"):
        text = f"https:{text}"
    scheme = re.match(_ADDRESS if not address else r"([a-zA-Z][a-zA-Z0-9+.-]+):", text)
    try:
        if address and not scheme:
            text = urljoin(address, text)
            scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):", text)
        if scheme is None and not address:
            return ""
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadValue("the picture's address is not valid") from None
    kind = scheme[1].lower()[:20] if scheme else ""
    if kind not in ("http", "https"):
        raise BadValue(f"the picture is a {kind}: address; only http and https are fetched")
    if not host or _CONTROL.search(text) or "\\" in parts.netloc:
        raise BadValue("the picture's address is not valid")
    return text.replace(" ", "%20")


def picture_path(text: str, folder: Path) -> Path:
    """The file of a picture that a feed names.

    Args:
        text: a path relative to the feed's folder; an absolute one must lead into it.
        folder: the feed's folder, resolved.

    Raises:
        BadValue: a path that leaves the folder (through links too), or no such file.
    """
    if not text:
        raise BadValue("names no picture")
    try:
        path = _resolve(text, folder)
        there = path.is_file()
    except (OSError, ValueError, RuntimeError):
        raise BadValue("the picture's path is not valid") from None
    if not path.is_relative_to(folder):
        raise BadValue("the picture is outside the feed's folder")
    if not there:
        raise BadValue("there is no such picture")
    return path


def _resolve(text: str, folder: Path) -> Path:
    path = (folder / text).resolve()
    if "\\" in text and not path.exists():  # written on Windows
        path = (folder / text.replace("\\", "/")).resolve()
    return path
