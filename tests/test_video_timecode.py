"""Timecodes against the published examples of drop-frame counting, and there and back again."""

from __future__ import annotations

from fractions import Fraction

import pytest

from matcher.errors import InputError
from matcher.timecode import Timecode, nearest_rate

NTSC30, NTSC60, NTSC24 = Fraction(30_000, 1001), Fraction(60_000, 1001), Fraction(24_000, 1001)

FRAMES = [
    # Drop-frame: numbers 0 and 1 are left out at each minute but the tenth; after an hour it meets the clock.
    (NTSC30, 0, "00:00:00;00"),
    (NTSC30, 1799, "00:00:59;29"),
    (NTSC30, 1800, "00:01:00;02"),
    (NTSC30, 3597, "00:01:59;29"),
    (NTSC30, 3598, "00:02:00;02"),
    (NTSC30, 17_981, "00:09:59;29"),
    (NTSC30, 17_982, "00:10:00;00"),
    (NTSC30, 107_892, "01:00:00;00"),
    (NTSC60, 3599, "00:00:59;59"),
    (NTSC60, 3600, "00:01:00;04"),
    (NTSC60, 35_964, "00:10:00;00"),
    (NTSC24, 1440, "00:01:00:00"),
    (Fraction(25), 90_000, "01:00:00:00"),
    (Fraction(30), 1800, "00:01:00:00"),
    (Fraction(10), 11, "00:00:01:01"),
    (Fraction(120), 119, "00:00:00:119"),
    (Fraction(25), 24 * 3600 * 25 + 1, "00:00:00:01"),
]


@pytest.mark.parametrize(("rate", "frames", "text"), FRAMES)
def test_frame_numbers(rate: Fraction, frames: int, text: str) -> None:
    timecode = Timecode.of(rate)
    assert timecode.text(frames) == text
    assert timecode.frames(text) == frames % (24 * 3600 * 25 if rate == 25 else 1 << 40)
    assert timecode.format(frames / rate) == text


@pytest.mark.parametrize("rate", [NTSC30, NTSC60, NTSC24, Fraction(25), Fraction(50)])
def test_there_and_back(rate: Fraction) -> None:
    timecode = Timecode.of(rate)
    numbers = [*range(4000), *range(4000, 200_000, 97)]
    texts = [timecode.text(number) for number in numbers]
    assert [timecode.frames(text) for text in texts] == numbers
    assert len(set(texts)) == len(numbers)
    assert timecode.parse(texts[777]) == 777 / rate


def test_drop_frame_keeps_to_the_clock_for_a_day() -> None:
    timecode = Timecode.of(NTSC30)
    for hour in range(1, 24):
        shown = timecode.format(Fraction(hour * 3600))
        assert abs(timecode.frames(shown) - timecode.frames(f"{hour:02}:00:00;00")) <= 3  # 86.4 ms a day


def test_start_timecode_and_first_time() -> None:
    timecode = Timecode.of(Fraction(25), "10:00:00:00", origin=Fraction(7, 5))
    assert timecode.format(Fraction(7, 5)) == "10:00:00:00"
    assert timecode.format(Fraction(7, 5) + Fraction(26, 25)) == "10:00:01:01"
    assert timecode.parse("10:00:01:01") == Fraction(7, 5) + Fraction(26, 25)
    assert Timecode.of(Fraction(25), "garbage").start == 0


def test_times_rounded_to_milliseconds_fall_on_their_frame() -> None:
    timecode = Timecode.of(NTSC30)
    for frame in range(2000):
        assert timecode.format(Fraction(round(frame / NTSC30 * 1000), 1000)) == timecode.text(frame)


NEAREST = [(30_000, 1001, NTSC30), (2997, 100, NTSC30), (23_976, 1000, NTSC24), (24, 1, 24), (10, 1, 10), (29, 2, 14)]
NEAREST += [(2872, 100, NTSC30), (60, 1, 60), (5994, 100, NTSC60), (15, 1, 15), (1, 3, 1), (144, 1, 120)]


@pytest.mark.parametrize(("over", "under", "expected"), NEAREST)
def test_nearest_usual_rate(over: int, under: int, expected: Fraction) -> None:
    assert nearest_rate(Fraction(over, under)) == expected


def test_a_variable_or_odd_rate_is_said() -> None:
    assert Timecode.of(NTSC30).note == ""
    assert "varies" in Timecode.of(Fraction(28), variable=True).note
    assert "28.700" in Timecode.of(Fraction(287, 10)).note


@pytest.mark.parametrize("text", ["", "1:2:3", "00:00:00:25", "00:60:00:00", "00:00:61:00", "a0:00:00:00"])
def test_what_is_no_timecode(text: str) -> None:
    with pytest.raises(InputError, match="timecode"):
        Timecode.of(Fraction(25)).frames(text)


def test_numbers_that_drop_frame_leaves_out() -> None:
    timecode = Timecode.of(NTSC30)
    with pytest.raises(InputError, match="leaves this number out"):
        timecode.frames("00:01:00;01")
    assert timecode.frames("00:10:00;01") == 17_983
