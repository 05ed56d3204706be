"""JSON from strangers: parsed within limits, and its values as the texts that a table would have."""

from __future__ import annotations

import json
from typing import Any

from indexer.feeds.values import BadValue

MAX_BYTES = 256 << 20
_AMOUNTS = ("value", "amount", "price")
_CURRENCIES = ("currency", "currency_code", "currencyCode", "priceCurrency")


def parse(text: str) -> Any:
    """Parse JSON strictly.

    Raises:
        BadValue: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise BadValue("is nested too deeply") from None
    except ValueError as error:
        raise BadValue(f"is not JSON ({error})") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def text_of(value: Any, name: str) -> str:
    """A value as the text that a table would have for it.

    Raises:
        BadValue: it is an object or a nested list.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4f}"  # more than three decimals are never taken for thousands
    if isinstance(value, list) and all(isinstance(one, (str, int)) for one in value):
        return (" | " if name == "category" else " / ").join(map(str, value))
    raise BadValue(f"the {name} is not a text or a number")


def money(value: Any) -> tuple[str, str]:
    """Price and currency of a number, a text or an object such as {"value": 12.5, "currency": "EUR"}.

    Raises:
        BadValue: anything else.
    """
    if isinstance(value, dict):
        amounts = [value[name] for name in _AMOUNTS if name in value]
        codes = [value[name] for name in _CURRENCIES if name in value]
        return text_of(amounts[0] if amounts else None, "price"), text_of(codes[0] if codes else None, "currency")
    return text_of(value, "price"), ""
