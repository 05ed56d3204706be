"""Settings of a catalogue: how its links are made, and the label that tells viewers of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from matcher.errors import InputError
from matcher.types import Product

_PLACES = ("url", "url_encoded", "id", "group_id")
_PLACE = re.compile(r"\{([^{}]*)\}")
_MAX_LABEL = 200


@dataclass(frozen=True)
class Settings:
    """What a shop says about its catalogue as a whole. It is kept in the manifest.

    Attributes:
        link_template: how a product's link is made, e.g. "{url}?utm_source=asworn". In braces: `url` as in the feed,
            `url_encoded` for use inside another address, `id`, `group_id` (of Shopify: the handle). "" = unchanged.
        disclosure: the label that must stand where links are shown, e.g. "Ad: we earn from purchases"; "" = none.
    """

    link_template: str = ""
    disclosure: str = ""

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            InputError: the template has an unknown place or makes no web address, or the label is too long.
        """
        if not isinstance(self.link_template, str) or not isinstance(self.disclosure, str):
            raise InputError("the settings of a catalogue are texts")
        _check_template(self.link_template)
        if len(self.disclosure) > _MAX_LABEL or not self.disclosure.isprintable():
            raise InputError(f"the disclosure label is longer than {_MAX_LABEL} characters or not one plain line")

    def link(self, product: Product) -> str:
        """The link to show for a product; "" where it needs the feed's link and there is none."""
        template = self.link_template
        if not template:
            return product.link
        if "{url" in template and not product.link:
            return ""
        return _PLACE.sub(lambda place: _value(place[1], product), _joined(template, product.link))


def _check_template(template: str) -> None:
    unknown = [name for name in _PLACE.findall(template) if name not in _PLACES]
    if unknown:
        places = ", ".join(f"{{{name}}}" for name in _PLACES)
        raise InputError(f"the link template has {{{unknown[0]}}}; it may have {places}")
    example = Settings.__new__(Settings)
    object.__setattr__(example, "link_template", template)
    product = Product("1", link="https://shop.example/1", group_id="1")
    if template and not re.match(r"https?://[^/\s]+\S*$", example.link(product)):
        raise InputError("the link template makes no address of http or https, such as {url}?utm_source=asworn")


def _joined(template: str, url: str) -> str:
    """A query that the template adds becomes part of the one that the link has already, before any #."""
    if not template.startswith("{url}?"):
        return template
    parts = urlsplit(url)
    # Braces in the shop's own address are no places.
    base = parts._replace(query="", fragment="").geturl().replace("{", "%7B").replace("}", "%7D")
    own, added = parts.query.replace("{", "%7B").replace("}", "%7D"), template.removeprefix("{url}?")
    query = "&".join(filter(None, (own, added)))
    return f"{base}?{query}" + (f"#{parts.fragment}" if parts.fragment else "")


def _value(name: str, product: Product) -> str:
    if name == "url":
        return product.link
    if name == "url_encoded":
        return quote(product.link, safe="")
    return quote(product.id if name == "id" else product.group_id, safe="")
