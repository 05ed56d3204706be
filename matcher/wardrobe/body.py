"""The body under the clothes: build, pose, joints, and the girth of torso and limbs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from matcher.wardrobe.mesh import bend, smooth_step

UPPER_LEG, LOWER_LEG, UPPER_ARM, LOWER_ARM = 0.43, 0.41, 0.29, 0.25
STANDING_PELVIS = 0.93
NECK_Y, SHOULDER_Y, WAIST_Y, HIP_Y, CROTCH_Y = 1.475, 1.415, 1.06, 0.88, 0.80

TORSO_Y = np.array([0.76, 0.82, 0.88, 0.97, 1.06, 1.15, 1.25, 1.32, 1.38, 1.415, 1.445, 1.475, 1.52, 1.60], np.float32)
MALE_WIDE = np.array([0.12, 0.155, 0.166, 0.158, 0.150, 0.156, 0.170, 0.178, 0.180, 0.168, 0.128, 0.076, 0.060, 0.058])
MALE_DEEP = np.array([0.09, 0.112, 0.116, 0.106, 0.102, 0.108, 0.120, 0.118, 0.104, 0.090, 0.076, 0.066, 0.060, 0.058])
FEMALE_WIDE = np.array(
    [0.12, 0.162, 0.176, 0.156, 0.126, 0.130, 0.146, 0.152, 0.156, 0.146, 0.108, 0.062, 0.049, 0.048]
)
FEMALE_DEEP = np.array(
    [0.09, 0.114, 0.120, 0.102, 0.086, 0.094, 0.112, 0.108, 0.090, 0.078, 0.066, 0.055, 0.049, 0.048]
)
SPINE_Z = np.array(
    [-0.01, -0.018, -0.02, -0.008, 0.002, 0.0, -0.004, -0.008, -0.016, -0.022, -0.026, -0.02, -0.006, 0.0]
)

LEG_V = np.array([0, 0.12, 0.3, 0.45, 0.51, 0.58, 0.68, 0.8, 0.92, 1.0])
LEG_R = np.array([0.092, 0.088, 0.074, 0.058, 0.055, 0.053, 0.057, 0.046, 0.036, 0.037])
ARM_V = np.array([0, 0.14, 0.22, 0.35, 0.5, 0.6, 0.68, 0.82, 0.95, 1.0])
ARM_R = np.array([0.040, 0.055, 0.056, 0.049, 0.045, 0.041, 0.043, 0.036, 0.028, 0.027])


@dataclass(frozen=True)
class Build:
    """Proportions of a person.

    Attributes:
        height: metres.
        female: 0 male to 1 female proportions.
        weight: girth, 1 is average.
        shoulders: breadth of the shoulders, 1 is average.
        head: size of the head, 1 is average.
    """

    height: float = 1.75
    female: float = 0.0
    weight: float = 1.0
    shoulders: float = 1.0
    head: float = 1.0

    def torso(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Half width, half depth and forward shift (metres) of the torso at heights `y`, same shape as `y`."""
        blend = self.female
        belly = 1 + (self.weight - 1) * (1.1 - 0.9 * smooth_step(y, 1.3, 1.46))
        wide = np.interp(y, TORSO_Y, MALE_WIDE * (1 - blend) + FEMALE_WIDE * blend) * belly
        deep = np.interp(y, TORSO_Y, MALE_DEEP * (1 - blend) + FEMALE_DEEP * blend) * belly
        wide = wide * (1 + (self.shoulders - 1) * smooth_step(y, 1.2, 1.38))
        return wide, deep, np.interp(y, TORSO_Y, SPINE_Z)

    @property
    def shoulder_x(self) -> float:
        """Distance of the shoulder joint from the middle, metres."""
        return (0.178 - 0.026 * self.female) * self.shoulders * (0.9 + 0.1 * self.weight)

    @property
    def limb(self) -> float:
        """Factor on the girth of arms and legs."""
        return (0.75 + 0.25 * self.weight) * (1 - 0.08 * self.female)

    @property
    def hip_x(self) -> float:
        """Distance of the hip joint from the middle, metres."""
        return 0.086 + 0.004 * self.female


@dataclass(frozen=True)
class Pose:
    """Joint angles in radians; index 0 is the person's left side, 1 the right.

    Attributes:
        hip: leg swing, forwards positive.
        spread: leg to the side.
        knee: bend.
        shoulder: arm swing, forwards positive.
        lift: arm to the side.
        elbow: bend.
        inward: how far the bent forearm turns to the middle, -1..1.
        lean: upper body forwards.
        twist: shoulders against hips.
        sway: upper body to the side, metres at the shoulder.
        nod: head forwards.
        turn: head to the person's left.
    """

    hip: tuple[float, float] = (0.02, -0.02)
    spread: tuple[float, float] = (0.04, 0.04)
    knee: tuple[float, float] = (0.04, 0.04)
    shoulder: tuple[float, float] = (0.0, 0.0)
    lift: tuple[float, float] = (0.13, 0.13)
    elbow: tuple[float, float] = (0.2, 0.2)
    inward: tuple[float, float] = (0.1, 0.1)
    lean: float = 0.0
    twist: float = 0.0
    sway: float = 0.0
    nod: float = 0.0
    turn: float = 0.0

    def blended(self, other: Pose, amount: float) -> Pose:
        """Pose between this one (0) and `other` (1)."""
        values = {}
        for name in self.__dataclass_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, tuple):
                values[name] = tuple(a + (b - a) * amount for a, b in zip(mine, theirs, strict=True))
            else:
                values[name] = mine + (theirs - mine) * amount
        return replace(self, **values)


def walking(phase: float, stride: float = 1.0) -> Pose:
    """Pose at `phase` (0..1, one full left and right step) of a walk."""
    swing = 2 * np.pi * phase
    left, right = np.sin(swing), np.sin(swing + np.pi)

    def knee(at: float) -> float:
        # the knee folds while the leg swings forwards, and gives a little when it lands
        return 0.08 + 0.85 * max(0.0, np.cos(at - 0.5)) ** 2 * stride + 0.1

    return Pose(
        hip=(0.42 * stride * left + 0.08, 0.42 * stride * right + 0.08),
        knee=(knee(swing), knee(swing + np.pi)),
        spread=(0.01, 0.01),
        shoulder=(0.42 * stride * right, 0.42 * stride * left),
        elbow=(0.3 + 0.2 * max(0, right), 0.3 + 0.2 * max(0, left)),
        lift=(0.12, 0.12),
        lean=0.03,
        twist=0.1 * right,
        sway=0.012 * np.sin(swing),
        nod=0.02 * np.sin(2 * swing),
    )


@dataclass
class Skeleton:
    """Joints of a posed body in metres (1.75 m tall), the lowest foot on y = 0.

    Attributes:
        legs: per side (hip, knee, ankle), (3, 3) float32.
        arms: per side (collar, shoulder, elbow, wrist), (4, 3) float32.
        shins: per side unit direction of the shin, (3,) float32.
        drop: how far the pelvis is below its standing height, metres.
    """

    build: Build
    pose: Pose
    legs: list[np.ndarray] = field(default_factory=list)
    arms: list[np.ndarray] = field(default_factory=list)
    drop: float = 0.0

    def __post_init__(self) -> None:
        """Place the joints."""
        self.legs = [self._leg(side) for side in (0, 1)]
        lowest = min(float(leg[2, 1]) for leg in self.legs)
        self.drop = lowest - 0.085
        for leg in self.legs:
            leg[:, 1] -= self.drop
        self.arms = [self._arm(side) for side in (0, 1)]

    def _leg(self, side: int) -> np.ndarray:
        sign = 1 - 2 * side
        swing, spread, knee = self.pose.hip[side], self.pose.spread[side], self.pose.knee[side]
        hip = np.array([sign * self.build.hip_x, STANDING_PELVIS, -0.01])
        thigh = _direction(swing, spread, sign)
        shin = _direction(swing - knee, spread * 0.6, sign)
        return np.stack([hip, hip + UPPER_LEG * thigh, hip + UPPER_LEG * thigh + LOWER_LEG * shin]).astype(np.float32)

    def _arm(self, side: int) -> np.ndarray:
        sign = 1 - 2 * side
        x = self.build.shoulder_x
        ends = np.array(
            [[sign * x * 0.5, SHOULDER_Y + 0.006, -0.02], [sign * x, SHOULDER_Y - 0.020, -0.016]], np.float32
        )
        collar, shoulder = self.place(ends)
        swing, lift, elbow = self.pose.shoulder[side], self.pose.lift[side], self.pose.elbow[side]
        upper = _direction(swing - self.pose.lean, lift, sign)
        lower = _direction(swing + elbow, lift * 0.6, sign)
        lower[0] -= sign * self.pose.inward[side] * np.sin(elbow)
        lower /= np.linalg.norm(lower)
        joint = shoulder + UPPER_ARM * upper
        return np.stack([collar, shoulder, joint, joint + LOWER_ARM * lower]).astype(np.float32)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Move points of the upright torso, (..., 3) metres, to where lean, twist and sway put them."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        rise = y - 0.95
        angle = self.pose.twist * smooth_step(y, 0.9, 1.4)
        cosine, sine = np.cos(angle), np.sin(angle)
        moved_x = x * cosine + z * sine + self.pose.sway * rise / 0.47
        moved_z = z * cosine - x * sine + np.sin(self.pose.lean) * np.maximum(rise, 0)
        return np.stack([moved_x, y - self.drop, moved_z], -1).astype(np.float32)

    def leg_spine(self, side: int, rows: int) -> np.ndarray:
        """(rows, 3) points from hip to ankle."""
        return bend(self.legs[side], rows, 2)

    def arm_spine(self, side: int, rows: int) -> np.ndarray:
        """(rows, 3) points from collar bone to wrist."""
        return bend(self.arms[side], rows, 2)

    def head_base(self) -> np.ndarray:
        """(3,) point where the head sits on the neck."""
        return self.place(np.array([0, 1.545, 0.0], np.float32))


def _direction(swing: float, spread: float, sign: int) -> np.ndarray:
    return np.array([sign * np.sin(spread), -np.cos(swing) * np.cos(spread), np.sin(swing) * np.cos(spread)])


def leg_girth(v: np.ndarray) -> np.ndarray:
    """Radius in metres at share `v` (0..1) of the way from hip to ankle."""
    return np.interp(v, LEG_V, LEG_R)


def arm_girth(v: np.ndarray) -> np.ndarray:
    """Radius in metres at share `v` (0..1) of the way from collar bone to wrist."""
    return np.interp(v, ARM_V, ARM_R)
