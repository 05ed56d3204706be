"""Skin surfaces of a posed body: neck and shoulders, arms, hands, legs, feet."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.body import Skeleton, arm_girth, leg_girth
from matcher.wardrobe.mesh import Patch, section, smooth_step, tube


def torso_surface(
    skeleton: Skeleton, y: np.ndarray, angle: np.ndarray, ease: np.ndarray | float = 0.0, power: float = 2.3
) -> np.ndarray:
    """Points round the torso.

    Args:
        skeleton: posed body.
        y: heights of the upright body, metres.
        angle: round the body, 0 is the front, pi/2 the person's left; same shape as `y`.
        ease: distance from the skin, metres.
        power: boxiness of the section.

    Returns:
        (..., 3) float32 metres, posed.
    """
    wide, deep, forward = skeleton.build.torso(y)
    across, ahead = section(angle, power)
    bust = (
        skeleton.build.female
        * 0.03
        * np.exp(-(((y - 1.27) / 0.05) ** 2))
        * np.exp(-(((np.abs(angle) - 0.45) / 0.4) ** 2))
    )
    seat = 0.018 * np.exp(-(((y - 0.87) / 0.06) ** 2)) * np.exp(-(((np.abs(angle) - 2.75) / 0.4) ** 2))
    points = np.stack([(wide + ease) * across, y, (deep + ease + bust + seat) * ahead + forward], -1)
    return skeleton.place(points)


def torso_grid(top: np.ndarray, bottom: np.ndarray, rows: int, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights and angles, (rows, C) each, between an upper and a lower edge given per column, (C,) metres."""
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    return top[None] + (bottom - top)[None] * share, np.broadcast_to(angle, (rows, angle.size))


def body_patches(skeleton: Skeleton, arm_from: float, leg_from: float, torso_to: float, feet: bool) -> list[Patch]:
    """Surfaces of bare skin.

    Args:
        skeleton: posed body.
        arm_from: share of the arm where the skin starts to show (0 for all of it).
        leg_from: share of the leg where it starts to show (1 for none of it).
        torso_to: height down to which neck and torso are drawn, metres.
        feet: whether bare feet are drawn.

    Returns:
        Patches painted "skin".
    """
    angle = np.linspace(-np.pi, np.pi, 29, dtype=np.float32)
    y, angles = torso_grid(np.full(29, 1.585, np.float32), np.full(29, torso_to, np.float32), 14, angle)
    under_chin = 1 - 0.35 * smooth_step(y, 1.49, 1.56)
    patches = [Patch(torso_surface(skeleton, y, angles, power=2.15), "skin", occlusion=under_chin)]
    for side in (0, 1):
        patches += [_arm(skeleton, side, arm_from), *_hand(skeleton, side)]
        if leg_from < 1:
            patches.append(_leg(skeleton, side, leg_from))
        if feet:
            patches.append(_foot(skeleton, side))
    return patches


def _arm(skeleton: Skeleton, side: int, start: float) -> Patch:
    spine = skeleton.arm_spine(side, 24)
    first = min(22, int(start * 23))
    v = np.linspace(0, 1, 24)[first:]
    girth = arm_girth(v) * skeleton.build.limb
    return Patch(tube(spine[first:], girth * 0.92, girth, 15), "skin", layer=0.02)


def _leg(skeleton: Skeleton, side: int, start: float) -> Patch:
    spine = skeleton.leg_spine(side, 24)
    first = min(22, int(start * 23))
    v = np.linspace(0, 1, 24)[first:]
    girth = leg_girth(v) * skeleton.build.limb
    # calves bulge to the back: push the spine back a little below the knee
    spine = spine[first:] - np.stack([0 * v, 0 * v, 0.012 * np.exp(-(((v - 0.66) / 0.1) ** 2))], 1).astype(np.float32)
    return Patch(tube(spine, girth, girth * 1.04, 17), "skin")


def hand_frame(skeleton: Skeleton, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Wrist position and unit direction of the forearm, (3,) each."""
    elbow, wrist = skeleton.arms[side][2], skeleton.arms[side][3]
    return wrist, (wrist - elbow) / np.linalg.norm(wrist - elbow)


def _hand(skeleton: Skeleton, side: int) -> list[Patch]:
    wrist, along = hand_frame(skeleton, side)
    sign = 1 - 2 * side
    curl = np.array([-sign * 0.5, 0.0, 0.25])
    lengths = np.array([-0.015, 0.02, 0.05, 0.085, 0.115, 0.145, 0.165, 0.172])
    spine = wrist + lengths[:, None] * along + (np.clip(lengths, 0, 1) ** 2 * 6)[:, None] * curl * 0.35
    wide = np.array([0.024, 0.022, 0.019, 0.017, 0.014, 0.012, 0.010, 0.002])
    deep = np.array([0.024, 0.032, 0.040, 0.041, 0.036, 0.032, 0.024, 0.004])
    palm = Patch(tube(spine.astype(np.float32), wide, deep, 13), "hand", layer=0.03)
    root = wrist + 0.025 * along + np.array([-sign * 0.004, 0, 0.028])
    reach = np.array([0.0, 0.02, 0.04, 0.058, 0.064])[:, None]
    thumb = root + reach * (along * 0.85 + np.array([-sign * 0.25, 0, 0.5]))
    return [
        palm,
        Patch(
            tube(
                thumb.astype(np.float32),
                np.array([0.013, 0.012, 0.011, 0.009, 0.002]),
                np.array([0.013, 0.012, 0.011, 0.009, 0.002]),
                9,
            ),
            "skin",
        ),
    ]


def foot_frame(skeleton: Skeleton, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Ankle position and unit direction of the toes, (3,) each; the heel lifts when the shin leans forwards."""
    hip, knee, ankle = skeleton.legs[side]
    shin = (ankle - knee) / np.linalg.norm(ankle - knee)
    sign = 1 - 2 * side
    lifted = max(0.0, float(ankle[1]) - 0.1)
    pitch = -min(0.9, 4.0 * lifted) if shin[2] < 0 else min(0.35, 2.0 * lifted)
    toes = np.array([sign * 0.2, np.sin(pitch), np.cos(pitch)])
    return ankle, toes / np.linalg.norm(toes)


def foot_tube(skeleton: Skeleton, side: int, ease: float, rows: int = 12, lift: float = 0.0) -> np.ndarray:
    """Surface of a foot or shoe from heel to toe, (rows, 17, 3) metres, `ease` metres round the skin."""
    ankle, toes = foot_frame(skeleton, side)
    share = np.linspace(1, 0, rows)  # 0 at the toe
    length = np.interp(share, [0, 1], [0.178 + ease, -0.068 - ease])
    half = np.interp(share, [0, 0.06, 0.2, 0.4, 0.7, 0.9, 1], [0.012, 0.032, 0.045, 0.043, 0.034, 0.032, 0.014]) + ease
    top = np.interp(share, [0, 0.08, 0.3, 0.55, 0.68, 0.85, 1], [0.026, 0.040, 0.052, 0.085, 0.105, 0.10, 0.07]) + ease
    side_way = np.cross([0, 1, 0], toes)
    side_way /= np.linalg.norm(side_way)
    up = np.cross(toes, side_way)
    angle = np.linspace(-np.pi, np.pi, 17)
    across, ahead = section(angle, 2.6)
    height = np.where(ahead > 0, ahead * top[:, None] * 0.62, ahead * top[:, None] * 0.38) + top[:, None] * 0.38
    centre = ankle - 0.085 * up + length[:, None] * toes
    points = centre[:, None] + (half[:, None] * across)[..., None] * side_way + (height + lift)[..., None] * up
    return points.astype(np.float32)


def _foot(skeleton: Skeleton, side: int) -> Patch:
    return Patch(foot_tube(skeleton, side, 0.0), "skin", layer=0.002)
