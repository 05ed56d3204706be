"""What the overlay's benchmark stands on: numbers in pictures that survive a codec, and a fair count of changes."""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from benchmarks.card_flicker import CardLog
from benchmarks.overlay_latency import _Coder
from benchmarks.picture_code import BITS, Coded, draw_code, read_code
from matcher.types import EXACT, Frame
from matcher.video.health import Health, Notice
from matcher.video.open import open_video
from matcher.video.writer import VideoWriter
from training.evaluation.video_score import flicker


@pytest.mark.parametrize("number", [0, 1, 0xABCDEF, 2**BITS - 1])
def test_a_number_is_read_back(number: int) -> None:
    image = np.random.default_rng(1).integers(0, 255, (180, 320, 3)).astype(np.uint8)
    draw_code(image, number)
    assert read_code(image) == number


def test_numbers_survive_a_codec(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    with VideoWriter(tmp_path / "a.mp4", (320, 180), Fraction(30), Fraction(1, 30)) as writer:
        for number in range(40):
            image = random.integers(0, 255, (180, 320, 3)).astype(np.uint8)
            draw_code(image, number * 7919)
            writer.write(image, number)
    with open_video(tmp_path / "a.mp4") as video:
        assert [read_code(frame.image) for frame in video] == [number * 7919 for number in range(40)]


def test_frames_are_numbered_when_they_pass() -> None:
    clock, coder = count(), _Coder()
    image = np.zeros((180, 320, 3), np.uint8)
    source = [Notice(Health()), Frame(image, index=5), Frame(image, index=6)]
    passed = list(Coded(source, lambda: next(clock), coder.drawn))
    assert [read_code(one.image) for one in passed[1:]] == [5, 6] and coder.drawn == {5: 0, 6: 1}
    assert passed[0] is source[0] and not image.any(), "the source's own pictures stay as they are"


def test_changes_of_cards_are_counted() -> None:
    from tests.test_live_hub import Stream

    log, stream = CardLog(), Stream()
    stream.board = log
    for seconds, product in ((4, 0), (0.2, 1), (4, 0), (4, 1)):
        for _ in range(round(seconds * 30)):
            stream.now += 1 / 30
            stream.written((1, product, EXACT))
    assert flicker(log.settled) == pytest.approx(60 * 3 / 12.2, rel=0.02), "there, back, and there again"
    assert flicker(log.cards) == pytest.approx(60 * 1 / 12.2, rel=0.02), "the card changed once"
    assert 0 < log.stale <= 1.5
