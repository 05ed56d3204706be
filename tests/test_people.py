"""Who wears what: in one picture, over frames, and from shot to shot."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.people import WornTogether, people
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Garments

LEFT, RIGHT = 100, 400


def garments(*rows: tuple[str, int, int]) -> Garments:
    """(type, left edge, track) of garments at their usual heights, 80 px wide."""
    heights = {"tops": (100, 220), "pants": (215, 400), "footwear": (395, 430), "hats": (60, 90), "bags": (200, 260)}
    boxes = [(x, heights[name][0], x + 80, heights[name][1]) for name, x, _ in rows]
    probs = np.eye(len(TYPES), dtype=np.float32)[[TYPE_IDS[name] for name, _, _ in rows]]
    tracks = np.array([track for _, _, track in rows])
    return Garments(np.array(boxes, np.float32), type_probs=probs, track_id=tracks)


TWO = (("tops", LEFT, 1), ("pants", LEFT, 2), ("tops", RIGHT, 3), ("pants", RIGHT, 4), ("hats", RIGHT, 5))


def test_people_of_one_picture() -> None:
    assert people(garments(*TWO)).tolist() == [0, 0, 1, 1, 1]
    assert people(garments(("bags", LEFT, 1))).tolist() == [0]
    assert people(Garments.empty()).tolist() == []


def test_tracks_seen_together_are_one_outfit() -> None:
    worn = WornTogether()
    for shift in range(20):
        worn.add(garments(*((name, x + shift, track) for name, x, track in TWO)), 1)
    found = worn.outfits({})
    assert found[1] == found[2] and found[3] == found[4] == found[5] and found[1] != found[3]
    assert sorted(set(found.values())) == [1, 2]


def test_people_who_cross_keep_their_clothes() -> None:
    """For a few frames both stand in one place: who was together in most frames stays together."""
    worn = WornTogether()
    for step in range(40):
        right = RIGHT - 10 * step
        rows = (("tops", LEFT, 1), ("pants", LEFT, 2), ("tops", right, 3), ("pants", right, 4))
        worn.add(garments(*rows), 1)
    found = worn.outfits({})
    assert found[1] == found[2] != found[3] == found[4]


def test_nobody_wears_two_pairs_of_trousers() -> None:
    worn = WornTogether()
    for _ in range(5):
        worn.add(garments(("tops", LEFT, 1), ("pants", LEFT, 2), ("pants", LEFT + 20, 3)), 1)
    found = worn.outfits({})
    assert found[2] != found[3]


@pytest.mark.parametrize(("shared", "outfits"), [(2, 1), (1, 2)])
def test_outfits_of_two_shots_are_one_where_they_share_two_products(shared: int, outfits: int) -> None:
    worn = WornTogether()
    worn.add(garments(("tops", LEFT, 1), ("pants", LEFT, 2)), 1)
    worn.add(garments(("tops", RIGHT, 11), ("pants", RIGHT, 12)), 2)
    products = {1: ["shirt"], 2: ["jeans"], 11: ["shirt"], 12: ["jeans" if shared == 2 else "chinos"]}
    assert len(set(worn.outfits(products).values())) == outfits


def test_two_in_the_same_clothes_in_one_shot_are_two() -> None:
    worn = WornTogether()
    for _ in range(3):
        worn.add(garments(*TWO), 1)
    uniform = {1: ["shirt"], 2: ["jeans"], 3: ["shirt"], 4: ["jeans"]}
    assert len(set(worn.outfits(uniform).values())) == 2


def test_untracked_rows_are_left_out() -> None:
    worn = WornTogether()
    worn.add(garments(("tops", LEFT, -1), ("pants", LEFT, 2)), 1)
    worn.add(Garments.empty(), 1)
    assert worn.outfits({}) == {2: 1}
