"""The words in which a catalogue keeps gender, age group and availability, and what feeds write for them."""

from __future__ import annotations

from collections.abc import Mapping

_GENDERS = {
    "women": "woman womens women's female f w ladies lady girls girl damen frauen femme femmes mujer donna dames",
    "men": "man mens men's male m gentlemen boys boy herren männer homme hommes hombre uomo heren",
    "unisex": "uni u all both neutral",
}
_AGE_GROUPS = {
    "newborn": "newborns",
    "infant": "infants baby babies",
    "toddler": "toddlers",
    "kids": "kid child children junior juniors youth",
    "adult": "adults grown-up grown-ups",
}
_AVAILABILITIES = {
    "in stock": "instock available true yes limitedavailability instoreonly onlineonly madetoorder lowstock",
    "out of stock": "outofstock unavailable soldout false no discontinued outofstocknow notavailable",
    "preorder": "presale preordering",
    "backorder": "backordered",
}


def gender(text: str) -> str:
    """The word "women", "men" or "unisex"; a word that is not known stays as it is.

    "Women's" and "female" are "women", "boys" are "men": whether it is a child's is the age group's matter.
    """
    return _GENDER_OF.get(text.lower().replace("’", "'"), text)


def age_group(text: str) -> str:
    """The word "newborn", "infant", "toddler", "kids" or "adult"; a word that is not known stays as it is."""
    return _AGE_GROUP_OF.get(text.lower(), text)


def availability(text: str) -> str:
    """The words "in stock", "out of stock", "preorder" or "backorder"; a word that is not known stays as it is.

    Understands "in_stock", "InStock" and schema.org's addresses such as "https://schema.org/InStock".
    """
    word = text.rstrip("/").rpartition("/")[2] if "schema.org" in text.lower() else text
    return _AVAILABILITY_OF.get("".join(letter for letter in word.lower() if letter.isalnum()), text)


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, others in words.items() for word in (name, name.replace(" ", ""), *others.split())}


_GENDER_OF = _by_word(_GENDERS)
_AGE_GROUP_OF = _by_word(_AGE_GROUPS)
_AVAILABILITY_OF = _by_word(_AVAILABILITIES)
