"""QR codes as SVG, made here: no page asks anybody else for them."""

from __future__ import annotations

import io
from functools import lru_cache

import segno


@lru_cache(maxsize=256)
def qr_svg(link: str) -> bytes:
    """A QR code of an address, black on white with the quiet zone that readers need; empty if it is too long for one.

    Correction level M, raised where that makes the code no larger.
    """
    try:
        code = segno.make(link, error="m", micro=False)
    except segno.DataOverflowError:
        return b""
    out = io.BytesIO()
    code.save(out, kind="svg", border=4, light="#fff", xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue()
