"""Scores of a video, on timelines whose figures are computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.errors import InputError
from matcher.types import EXACT, NONE, SIMILAR
from training.evaluation.video_score import Moment, Shown, flicker, score_video
from training.evaluation.video_truth import Interval, load_truth

TRUTH = [Interval(2, 4.99, "a"), Interval(4, 7.99, "b")]


def timeline(*tracks: tuple[int, str, int, int, int], seconds: int = 10) -> list[Moment]:
    """One frame a second; each track is (number, product, tier, first second, last second)."""
    return [
        Moment(float(t), 1.0, tuple(Shown(n, p, tier) for n, p, tier, first, last in tracks if first <= t <= last))
        for t in range(seconds)
    ]


def figures(result: dict, *names: str) -> list[float]:
    return [result[name] for name in names]


ALL = ("products", "tracks", "top1", "precision", "recall", "false_exact")


def test_everything_right() -> None:
    result = score_video(TRUTH, timeline((1, "a", EXACT, 2, 4), (2, "b", SIMILAR, 4, 7)))
    assert figures(result, *ALL) == [2, 2, 1.0, 1.0, 1.0, 0.0]
    assert result["recall_exact"] == round(3 / 7, 4)  # b is shown as similar only
    assert result["per_product"]["a"] == {
        "seconds": 3.0,
        "shown": 1.0,
        "settled": True,
        "tier": EXACT,
        "score": 0.0,
        "first_right": 0.0,
    }


def test_nothing_shown() -> None:
    result = score_video(TRUTH, timeline((1, "", NONE, 0, 9)))
    assert figures(result, *ALL) == [2, 1, 0.0, 0.0, 0.0, 0.0]
    assert result["per_product"]["b"]["first_right"] is None


def test_no_frame_at_all() -> None:
    assert figures(score_video(TRUTH, []), *ALL) == [2, 0, 0.0, 0.0, 0.0, 0.0]


def test_a_wrong_exact_product_costs_precision() -> None:
    # judged times are 2..7; "x" is shown there for 2 s by track 3, "a" rightly for 3 s
    result = score_video(TRUTH, timeline((1, "a", EXACT, 2, 4), (3, "x", EXACT, 6, 7)))
    assert figures(result, *ALL) == [2, 2, 0.5, 0.6, round(3 / 7, 4), 0.5]
    assert result["wrong"] == {"x": 2.0}


def test_only_listed_intervals_are_judged() -> None:
    # the wrong product is shown before and after all intervals, and its track is not counted
    result = score_video(TRUTH, timeline((1, "a", EXACT, 2, 4), (3, "x", EXACT, 0, 1), (4, "x", EXACT, 8, 9)))
    assert figures(result, "tracks", "precision", "false_exact") == [1, 1.0, 0.0]


def test_with_a_complete_truth_everything_is_judged() -> None:
    shown = timeline((1, "a", EXACT, 2, 4), (3, "x", EXACT, 0, 1), (4, "a", EXACT, 8, 8))
    result = score_video(TRUTH, shown, complete=True)
    # 3 s right; 2 s of x and 1 s of a, long after a has gone, are wrong
    assert figures(result, "tracks", "precision", "false_exact") == [3, 0.5, round(2 / 3, 4)]


def test_what_is_seen_only_a_little_may_be_shown_but_need_not() -> None:
    seen = [Interval(0, 4.99, "a"), Interval(4, 7.99, "b")]
    shown = timeline((1, "a", EXACT, 0, 4))
    result = score_video(TRUTH, shown, complete=True, seen=seen)
    assert figures(result, "precision", "recall") == [1.0, round(3 / 7, 4)]
    assert score_video(TRUTH, shown, complete=True)["precision"] == 0.6  # 0 and 1 are too early


def test_a_track_is_right_as_long_as_it_lives_once_it_overlaps_its_product() -> None:
    # track 1 shows a from 2 to 7: also after a's own interval, because the list may leave out when a is seen too
    result = score_video(TRUTH, timeline((1, "a", EXACT, 2, 7)))
    assert result["precision"] == 1.0
    # with a complete truth it is not: 2..4 are right, 5 is within the slack, 6 and 7 are wrong
    assert score_video(TRUTH, timeline((1, "a", EXACT, 2, 7)), complete=True)["precision"] == round(4 / 6, 4)


def test_confusing_two_listed_products_is_wrong() -> None:
    result = score_video(TRUTH, timeline((1, "b", EXACT, 2, 3)))
    assert figures(result, "top1", "precision", "recall", "false_exact") == [0.0, 0.0, 0.0, 1.0]


def test_the_last_word_of_a_track_counts_for_top1_and_false_exact() -> None:
    moments = timeline((1, "x", EXACT, 2, 3), (1, "a", SIMILAR, 4, 4))
    result = score_video(TRUTH[:1], moments)
    assert figures(result, "top1", "false_exact", "precision", "recall") == [1.0, 0.0, round(1 / 3, 4), round(1 / 3, 4)]
    moments = timeline((1, "a", EXACT, 2, 3), (1, "x", EXACT, 4, 4))
    assert figures(score_video(TRUTH[:1], moments), "top1", "false_exact") == [0.0, 1.0]


def test_uneven_frames_count_by_their_time() -> None:
    moments = [
        Moment(0.0, 3.0, (Shown(1, "a", EXACT),)),
        Moment(3.0, 1.0, (Shown(1, "", NONE),)),
    ]
    assert score_video([Interval(0, 4, "a")], moments)["recall"] == 0.75


@pytest.mark.parametrize(
    ("tracks", "changes"),
    [
        ([(1, "a", EXACT, 0, 9)], 0.0),
        ([(1, "", NONE, 0, 4), (1, "a", EXACT, 5, 9)], 0.0),  # settling is no change
        ([(1, "a", EXACT, 0, 4), (1, "b", EXACT, 5, 9)], 6.0),  # one change in ten seconds
        ([(1, "a", EXACT, 0, 4), (1, "a", NONE, 5, 9)], 6.0),  # losing it is one too
        ([(1, "a", EXACT, 0, 4), (2, "b", EXACT, 5, 9)], 0.0),  # two tracks
    ],
)
def test_flicker_counts_changes_per_track_minute(tracks: list, changes: float) -> None:
    assert flicker(timeline(*tracks)) == changes


def test_truth_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("product_id,t_start,t_end,note\na,1.5,2,x\n")
    assert load_truth(path) == [Interval(1.5, 2.0, "a")]
    for text, says in [
        ("t_start,t_end\n1,2\n", "lacks the columns product_id"),
        ("t_start,t_end,product_id\n3,2,a\n", "line 2: t_start must not be after"),
        ("t_start,t_end,product_id\n1,soon,a\n", "line 2: t_start and t_end must be seconds"),
        ("t_start,t_end,product_id\n1,2,\n", "line 2: product_id is empty"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=says):
            load_truth(path)
