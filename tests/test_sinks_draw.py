"""Drawing: in the right place, in the colours of the tiers, at any size and in any alphabet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matcher.sinks import text
from matcher.sinks.draw import TIER_COLOURS, TYPE_COLOURS, draw, label
from matcher.types import EXACT, NONE, SIMILAR, Garments, Product

PRODUCTS = {0: Product("a", "Hemd „Größe“ 日本"), 1: Product("b")}
TOPS = 10


def garment(
    box: tuple[float, ...] = (100, 80, 300, 400), tier: int = NONE, row: int = 0, mask: bool = False
) -> Garments:
    columns = {"mask": np.ones((1, 28, 28))} if mask else {}
    probabilities = np.zeros((1, 11))
    probabilities[0, TOPS] = 0.87
    return Garments(
        np.array([box]),
        np.array([0.9]),
        type_probs=probabilities,
        product_row=np.array([[row]]),
        match_score=np.array([[0.8]]),
        tier=np.array([tier]),
        **columns,
    ).with_products(PRODUCTS.get)


def canvas(width: int = 640, height: int = 480) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def near(image: np.ndarray, colour: tuple[int, int, int], slack: int = 6) -> np.ndarray:
    low, high = (tuple(np.clip(np.array(colour) + d, 0, 255).tolist()) for d in (-slack, slack))
    return cv2.inRange(image, low, high) > 0


@pytest.mark.parametrize(
    ("tier", "row", "words", "shown"),
    [
        (NONE, 0, "tops 87%", NONE),
        (SIMILAR, 0, "Hemd „Größe“ 日本", SIMILAR),
        (EXACT, 1, "b", EXACT),
        (EXACT, 9, "tops 87%", NONE),  # the product is gone
        (EXACT, -1, "tops 87%", NONE),
    ],
)
def test_labels(tier: int, row: int, words: str, shown: int) -> None:
    assert label(garment(tier=tier, row=row)) == (words, shown)
    assert label(garment(tier=tier, row=row).with_products(None), PRODUCTS.get) == (words, shown)


def test_a_label_needs_only_a_box() -> None:
    assert label(Garments(np.zeros((1, 4)), np.array([0.5]))) == ("garment 50%", NONE)


def test_the_picture_given_is_not_touched_and_nothing_is_drawn_for_nothing() -> None:
    image = canvas()
    result = draw(image, garment(mask=True))
    assert (image == 90).all() and not (result == 90).all()
    assert np.array_equal(draw(image, Garments.empty()), image)


def test_the_box_is_where_the_garment_is() -> None:
    line = near(draw(canvas(), garment()), TYPE_COLOURS[TOPS])
    ys, xs = np.nonzero(line)
    assert np.allclose([xs.min(), ys.min(), xs.max(), ys.max()], [100, 80, 299, 399], atol=2)


def test_the_mask_tints_only_its_pixels() -> None:
    half = np.zeros((1, 28, 28), np.float32)
    half[:, :, :14] = 1
    plain, tinted = draw(canvas(), garment()), draw(canvas(), garment().with_columns(mask=half))
    changed = (plain != tinted).any(2)
    assert changed[200:300, 110:190].mean() > 0.99
    assert changed[200:300, 210:290].mean() == 0
    assert not changed[:, 310:].any() and not changed[410:].any()


@pytest.mark.parametrize("tier", [NONE, SIMILAR, EXACT])
def test_the_bar_has_the_colour_of_the_tier(tier: int) -> None:
    image = draw(canvas(), garment(tier=tier))
    for other, colour in TIER_COLOURS.items():
        assert (near(image, colour, 3).sum() > 20) == (other == tier)


@pytest.mark.parametrize("size", [(64, 48), (320, 180), (1280, 720), (3840, 2160), (300, 2000)])
def test_letters_grow_with_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    box = (width * 0.3, height * 0.4, width * 0.7, height * 0.9)
    bar = near(draw(canvas(*size), garment(box, EXACT)), TIER_COLOURS[EXACT], 3)
    tall = np.ptp(np.nonzero(bar)[0]) + 1
    assert tall == pytest.approx(1.5 * np.clip(min(size) / 36, 10, 64), abs=2)


BOXES = [
    (-50, -50, 40, 40),
    (600, 440, 900, 900),
    (0, 0, 640, 480),
    (10, 10, 10, 10),
    (900, 900, 950, 950),
    (5, 5, 6, 6),
]


@pytest.mark.parametrize("box", BOXES)
def test_boxes_over_the_edge_are_no_trouble(box: tuple[float, ...]) -> None:
    assert draw(canvas(), garment(box, EXACT, mask=True)).shape == (480, 640, 3)


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    many = Garments(np.array([[100, 200, 300 + i, 400] for i in range(5)]), type_probs=np.eye(11)[[TOPS] * 5])
    bars = near(draw(canvas(), many), TIER_COLOURS[NONE], 3)[:, 98:106].any(1)
    starts = np.count_nonzero(np.diff(bars.astype(int)) == 1)
    assert bars.sum() >= 5 * 18 and starts >= 1


@pytest.mark.parametrize("words", ["Ärmel – größe", "Кофта", "日本語", "a\nb\x00c", "", "🙂 x", "‮abc"])
def test_any_alphabet_can_be_written(words: str) -> None:
    image = canvas()
    text.put_text(image, words, 10, 100, 24, (255, 255, 255))
    assert (image != 90).any() == bool(words)
    assert (text.text_width(words, 24) > 0) == bool(words)


@pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="this OpenCV has no Unicode font")
def test_other_alphabets_are_not_question_marks() -> None:
    drawn = []
    for words in ("Кофта", "?????", "日本語です"):
        image = canvas()
        text.put_text(image, words, 10, 100, 24, (255, 255, 255))
        drawn.append(image)
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[2], drawn[1])


def test_without_that_font_letters_are_transcribed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    assert text._ascii("Größe Ärmel naïve – 日本") == "Grosse Armel naive - ??"
    assert text.text_width("Größe", 24) > 20
    assert (draw(canvas(), garment(tier=EXACT)) != 90).any()


def test_long_texts_are_cut_to_the_width() -> None:
    cut = text.fit("a very long title of a product " * 5, 20, 200)
    assert cut.endswith("…") and text.text_width(cut, 20) <= 200
    assert text.fit("short", 20, 200) == "short"
