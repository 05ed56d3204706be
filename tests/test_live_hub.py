"""Cards of a stream: they do not flicker, they go when their product does, and pages can catch up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import ConfigError, InputError
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments, Product
from matcher.video.health import CLEARED, Health, State
from matcher.web.live.board import Board
from matcher.web.live.hub import Hub
from matcher.web.live.message import key_of
from matcher.web.live.rules import Blocklist, Links, with_parameters
from matcher.web.live.settings import BlockConfig, CardConfig, LinkConfig, OverlayConfig, load_overlay_config

PRODUCTS = [
    Product(f"p{i}", title=f"Thing {i}", type=kind, brand="Marlow" if i % 2 else "Norr", price=10.0 + i, currency="EUR")
    for i, kind in enumerate(("tops", "pants", "bags", "hats", "footwear", "belts", "dresses", "skirts"))
]
IMAGE = np.full((72, 128, 3), 90, np.uint8)
CONFIG = CardConfig()
STEP = 1 / 30


class Stream:
    """A board with a clock of its own, fed frame by frame."""

    def __init__(self, config: CardConfig = CONFIG, **how: object) -> None:
        self.now, self.frames = 100.0, 0
        self.board = Board("s", config, clock=lambda: self.now, **how)

    def frame(self, *worn: tuple[int, int, int], boxes: list[tuple[int, int, int, int]] | None = None) -> list[str]:
        """The next frame with (track, product, tier) each; the ids of the cards after it."""
        self.now += STEP
        self.written(*worn, boxes=boxes)
        return self.ids()

    def written(self, *worn: tuple[int, int, int], boxes: list[tuple[int, int, int, int]] | None = None) -> None:
        """The same without a look at the cards."""
        boxes = boxes or [(10 + 20 * i, 10, 30 + 20 * i, 50) for i in range(len(worn))]
        garments = Garments(
            np.array(boxes, np.float32).reshape(-1, 4),
            track_id=np.array([w[0] for w in worn], np.int64),
            product_row=np.array([[w[1]] for w in worn], np.int64).reshape(-1, 1),
            match_score=np.full((len(worn), 1), 0.9, np.float32),
            tier=np.array([w[2] for w in worn], np.int64),
        ).with_products(PRODUCTS.__getitem__)
        self.board.write(Frame(IMAGE, self.frames, Fraction(1, 30), "s", self.frames), garments)
        self.frames += 1

    def play(self, seconds: float, *worn: tuple[int, int, int]) -> list[list[str]]:
        return [self.frame(*worn) for _ in range(round(seconds / STEP))]

    def idle(self, seconds: float) -> list[list[str]]:
        """No frames come; only the clock goes on."""
        seen = []
        for _ in range(round(seconds / 0.1)):
            self.now += 0.1
            self.board.tick()
            seen.append(self.ids())
        return seen

    def ids(self) -> list[str]:
        return [card.product.id for card in self.board.cards()]


@pytest.fixture
def stream() -> Iterator[Stream]:
    yield Stream()


def changes(shown: list[list[str]]) -> int:
    return sum(before != after for before, after in zip(shown, shown[1:], strict=False))


def test_a_card_comes_when_its_product_has_stood_for_a_moment(stream: Stream) -> None:
    assert not any(stream.play(CONFIG.appear_s - 2 * STEP, (1, 0, EXACT)))
    assert stream.play(4 * STEP, (1, 0, EXACT))[-1] == ["p0"]
    similar = Stream()
    assert not any(similar.play(CONFIG.appear_similar_s - 2 * STEP, (1, 0, SIMILAR)))
    assert similar.play(4 * STEP, (1, 0, SIMILAR))[-1] == ["p0"]


def test_a_product_that_is_settled_on_for_an_instant_never_shows(stream: Stream) -> None:
    stream.play(2, (1, 0, EXACT))
    shown = [ids for _ in range(20) for part in ((1, 1, EXACT), (1, 0, EXACT)) for ids in stream.play(0.3, part)]
    assert changes(shown) == 0 and shown[-1] == ["p0"]


def test_noise_of_all_kinds_makes_no_flicker(stream: Stream) -> None:
    """Tiers that jump, gaps of detection, new track ids and short mistakes: the card of what is worn stays."""
    random = np.random.default_rng(5)
    stream.play(2, (1, 0, EXACT))
    shown, track, until, kind = [], 1, 0, "right"
    for number in range(30 * 60):
        if number >= until:
            kind = random.choice(["right", "none", "gone", "other", "new track"], p=[0.6, 0.1, 0.1, 0.1, 0.1])
            track += kind == "new track"
            until = number + int(random.integers(3, 10))
        worn = {"none": [(track, 0, NONE)], "gone": [], "other": [(track, 1, SIMILAR)]}.get(kind, [(track, 0, EXACT)])
        shown.append(stream.frame(*worn))
    assert changes(shown) == 0


def test_a_garment_that_is_truly_another_one_changes_its_card_once(stream: Stream) -> None:
    stream.play(3, (1, 0, EXACT))
    shown = stream.play(3, (1, 1, EXACT))
    assert changes(shown) == 1 and shown[0] == ["p0"] and shown[-1] == ["p1"]
    assert sum(ids == ["p0"] for ids in shown) * STEP <= CONFIG.change_s + 2 * STEP


@pytest.mark.parametrize("seed", range(6))
def test_no_card_is_older_than_the_hold_time(seed: int) -> None:
    """The law: whatever happens, a card's product was seen within `hold_s`, and there are at most `most` cards."""
    random, stream = np.random.default_rng(seed), Stream(CardConfig(rotate_s=1.0))
    seen: dict[str, float] = {}
    for _ in range(250):
        worn = [(int(t), int(random.integers(0, 8)), int(random.integers(0, 3))) for t in range(random.integers(0, 8))]
        frames = int(random.integers(0, 25))
        for _ in range(frames):
            ids = stream.frame(*worn)
            seen |= {PRODUCTS[p].id: stream.now for _, p, tier in worn if tier > NONE}
            assert len(ids) <= 4 and all(stream.now - seen[id_] <= CONFIG.hold_s + 1e-6 for id_ in ids)
        stream.idle(float(random.choice([0, 0, 0.3, 2.5])))
        assert all(stream.now - seen[id_] <= CONFIG.hold_s + 1e-6 for id_ in stream.ids())


def test_a_lost_source_holds_its_cards_for_a_moment_and_then_clears_them(stream: Stream) -> None:
    stream.play(4, (1, 0, EXACT))
    held = stream.idle(CONFIG.hold_s - 0.15)
    assert all(ids == ["p0"] for ids in held)
    assert stream.idle(0.3)[-1] == [] and stream.board.state in ("live", "lost")
    stream.idle(2)
    assert stream.board.state == "lost" and last_cards(stream)["state"] == "lost"
    stream.play(1, (2, 0, EXACT))
    assert stream.ids() == ["p0"] and stream.board.state == "live"


@pytest.mark.parametrize("state", CLEARED)
def test_what_the_source_says_of_itself_clears_at_once(stream: Stream, state: State) -> None:
    stream.play(4, (1, 0, EXACT))
    stream.board.health(Health(State.HELD, "no picture"))
    assert stream.ids() == ["p0"] and stream.board.state == "held"
    stream.board.health(Health(state, "gone"))
    assert stream.ids() == [] and last_cards(stream)["state"] == state
    stream.board.health(Health())
    assert stream.play(CONFIG.appear_s - 2 * STEP, (1, 0, EXACT))[-1] == [], "believed anew"


def last_cards(stream: Stream) -> dict:
    return json.loads(stream.board.journal.since("", 0, 0)[0].text)


def test_a_person_who_leaves_the_picture_takes_the_card_along(stream: Stream) -> None:
    stream.play(4, (1, 0, EXACT))
    shown = stream.play(2)
    assert sum(ids == ["p0"] for ids in shown) * STEP <= CONFIG.linger_s + 2 * STEP


def test_who_waits_gets_a_turn_and_pins_stay() -> None:
    stream = Stream(CardConfig(most=2, rotate_s=3))
    worn = [(t, t, EXACT) for t in range(4)]
    shown = stream.play(30, *worn)
    assert {id_ for ids in shown for id_ in ids} == {"p0", "p1", "p2", "p3"}
    assert max(map(len, shown)) == 2
    stream.board.pin(key_of("p0"), True)
    assert all("p0" in ids for ids in stream.play(30, *worn)) and "p0" in stream.idle(5)[-1]
    stream.board.pin(key_of("p0"), False)
    assert stream.idle(3)[-1] == []


def test_hidden_blocked_and_paused(tmp_path: Path) -> None:
    blocklist = Blocklist(BlockConfig(types=("belts",)), tmp_path / "blocked.json")
    stream = Stream(blocklist=blocklist)
    stream.play(2, (0, 0, EXACT), (1, 1, EXACT), (5, 5, EXACT))
    assert stream.ids() == ["p0", "p1"], "belts are blocked"
    stream.board.hide(key_of("p0"), True)
    assert stream.ids() == ["p1"] and stream.play(2, (0, 0, EXACT), (1, 1, EXACT))[-1] == ["p1"]
    blocklist.change("brand", "MARLOW", True)
    stream.board.recheck()
    assert stream.ids() == [] and stream.play(2, (0, 0, EXACT), (1, 1, EXACT))[-1] == []
    stream.board.hide(key_of("p0"), False)
    assert stream.play(2, (0, 0, EXACT))[-1] == ["p0"]
    stream.board.pause(True)
    assert stream.ids() == [] and last_cards(stream) == last_cards(stream) | {"state": "paused", "cards": []}
    stream.play(3)
    stream.board.pause(False)
    assert stream.ids() == [], "what was on screen before the pause is not shown after it"
    assert Blocklist(file=tmp_path / "blocked.json").listed()["brands"] == ["MARLOW"]
    with pytest.raises(InputError, match="settings file"):
        blocklist.change("type", "belts", False)
    with pytest.raises(InputError):
        blocklist.change("colour", "red", True)
    with pytest.raises(ConfigError, match="no type"):
        blocklist.change("type", "shirts", True)
    with pytest.raises(InputError, match="no such product"):
        stream.board.pin("nothing", True)
    with pytest.raises(InputError, match="blocked"):
        stream.board.pin(key_of("p1"), True)


def test_a_page_that_comes_back_is_told_what_it_missed_and_no_more(stream: Stream) -> None:
    journal = stream.board.journal
    stream.play(2, (1, 0, EXACT))
    first = journal.since("", 0, 0)
    cards = json.loads(first[0].text)
    assert cards["k"] == "cards" and [c["title"] for c in cards["cards"]] == ["Thing 0"] and len(first) == 2
    known = cards["epoch"], cards["version"], first[-1].seq
    assert journal.since(*known) == []
    stream.play(0.5, (1, 0, EXACT))
    missed = [json.loads(one.text) for one in journal.since(*known)]
    assert [one["k"] for one in missed] == ["boxes"] * 15 and missed[0]["seq"] == known[2] + 1
    stream.play(60, (1, 0, EXACT))
    assert len(journal.since(*known)) <= 90, "bounded"
    stream.play(3, (1, 1, EXACT))
    again = [json.loads(one.text) for one in journal.since(*known)]
    assert again[0]["k"] == "cards" and [c["title"] for c in again[0]["cards"]] == ["Thing 1"]
    assert json.loads(journal.since("other run", known[1], known[2])[0].text)["version"] == again[0]["version"]


def test_boxes_are_shares_of_the_picture_and_carry_when_the_frame_came(stream: Stream) -> None:
    stream.play(1, (1, 0, EXACT))
    stream.board.arrivals.note(Frame(IMAGE, stream.frames, Fraction(1, 30)))
    came = stream.now
    stream.frame((1, 0, EXACT), boxes=[(32, 18, 64, 54)])
    told = json.loads(stream.board.journal.since("", 0, 0)[-1].text)
    assert told["b"] == {key_of("p0"): [0.25, 0.25, 0.25, 0.5]} and told["t"] == pytest.approx(1e3 * came, abs=0.1)


def test_two_people_in_one_product_share_a_card_that_does_not_jump(stream: Stream) -> None:
    stream.play(1, (1, 0, EXACT))
    sizes = np.random.default_rng(1).integers(0, 3, 60)
    places = set()
    for size in sizes:
        stream.frame((1, 0, EXACT), (2, 0, EXACT), boxes=[(10, 10, 30, 40), (60, 10, 80 + int(size) * 10, 40)])
        places.add(stream.board.cards()[0].track)
    assert places == {1}


def test_links_are_made_by_the_rules() -> None:
    product = Product("p 1", link="https://www.shop.example/a?utm_source=x&size=m#top", disclosure="Ad")
    links = Links(LinkConfig(utm={"source": "twitch", "campaign": "a b"}))
    assert links.link(product) == "https://www.shop.example/a?size=m&utm_source=twitch&utm_campaign=a+b#top"
    assert links.shop(product) == "shop.example" and links.disclosure(product) == "Ad"
    affiliate = Links(LinkConfig("https://go.example/?u={url_encoded}", "We earn", "My shop"))
    assert affiliate.link(product).startswith("https://go.example/?u=https%3A%2F%2Fwww.shop.example")
    assert affiliate.disclosure(product) == "We earn" and affiliate.shop(product) == "My shop"
    for bad in ("javascript:alert(1)", "data:text/html,x", "//x", "", "http://", "ftp://a/b"):
        assert links.link(Product("p", link=bad)) == ""
    assert with_parameters("https://a.example", {"utm_source": "b"}) == "https://a.example?utm_source=b"


@pytest.mark.parametrize(
    "text",
    [
        "[cards]\nmost = 0",
        "[cards]\nlinger_s = 9",
        "[links]\ntemplate = 'javascript:{id}'",
        "[links.utm]\nfoo = 'x'",
        "[block]\ntypes = ['shirts']",
        "[block]\ntypes = 'tops'",
        "[obs]\nurl = 'http://x'",
        "[chat]\nchannel = 'a b'",
        "[chat]\ncommand = '!fit me'",
        "[nothing]\na = 1",
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.toml").write_text(text)
    with pytest.raises(InputError):
        load_overlay_config(tmp_path / "o.toml")


def test_the_packaged_settings_are_the_defaults() -> None:
    assert load_overlay_config("overlay.toml") == OverlayConfig()


def test_streams_have_names_of_their_own() -> None:
    hub = Hub()
    names = [hub.add(source).name for source in ("Clip.mp4", "Clip.mp4", "rtmp://a.b/live", "", "../..")]
    assert len(set(names)) == 5 and all(name and "/" not in name and ".." not in name for name in names)
    assert hub.board().name == names[0] and hub.board(names[2]) is hub.boards[names[2]]
    with pytest.raises(InputError, match="no stream"):
        hub.board("nothing")
