"""HTML pages from templates: everything is escaped, links are http or https or not there, nothing is undefined."""

from __future__ import annotations

from typing import Any

import jinja2
from starlette.responses import HTMLResponse

from matcher import __version__
from matcher.sinks.safe import safe_link
from matcher.web.assets import Assets

FOLDER = "templates"


class Pages:
    """The templates in the folders `templates` of some packages.

    In a template, `asset("x.css")` is the address of a file, `address | link` an address if it is safe and else the
    empty text, and `number | price(currency)` a price in words.
    """

    def __init__(self, assets: Assets, *packages: str) -> None:
        """Find the templates; where two packages have one of a name, the first one counts."""
        loaders = [jinja2.PackageLoader(package, FOLDER) for package in packages]
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(loaders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"link": safe_link, "price": price}
        self._environment.globals |= {"asset": assets.url, "version": __version__}

    def render(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page as an answer."""
        return HTMLResponse(self._environment.get_template(name).render(values), status)


def price(amount: float | None, currency: str = "") -> str:
    """A price in words, like "1,299.00 EUR"; "" where there is none."""
    return "" if amount is None else f"{amount:,.2f} {currency}".strip()
