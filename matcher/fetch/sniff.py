"""What bytes are by their beginning, whatever their name or the server says."""

from __future__ import annotations

import re

_PICTURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8[79]a|BM|II\*\0|MM\0\*|....ftypavi[fs]|P[1-6]\s", re.DOTALL
)
_OTHERS = (
    # (beginning, what it is)
    (rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)", "a web page"),
    (rb"\s*(<\?xml.{0,200}?\?>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE\s+svg.{0,400}?>\s*)?<svg", "an SVG drawing"),
    (rb"\s*[\[{]", "JSON"),
    (rb"\s*<\?xml", "XML"),
    (rb"%PDF", "a PDF document"),
    (rb"....ftyp(hei[cx]|mif1|msf1)", "a HEIC picture"),
    (rb"....ftyp", "a video"),
    (rb"\x1f\x8b|PK\x03\x04|7z\xbc\xaf", "an archive"),
    (rb"8BPS", "a Photoshop document"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture"),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), name) for pattern, name in _OTHERS)


def not_a_picture(data: bytes) -> str:
    """Why bytes are no picture that can be read; "" when they may be one: then decoding tells."""
    if not data:
        return "is empty"
    head = data[:2000]
    if _PICTURES.match(head):
        return ""
    found = next((name for pattern, name in _KNOWN if pattern.match(head)), "")
    return f"is {found}; give JPEG, PNG or WebP" if found else ""
