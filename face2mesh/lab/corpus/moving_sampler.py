"""Expressions as moving faces make them: the sampler's, and beside them what only motion and contact can show.

Winks, one-sided faces, lips that close over a moving jaw, kisses, chewing, yawns, laughter. Letters: n draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from face2mesh.lab.corpus.sampler import INDEX, KINDS, FloatArray, Generator, Kind, sample_expressions, set_unit

SIDES = ("Left", "Right")


def sample_moving(
    rng: Generator, count: int, withheld: Sequence[tuple[str, str]] = (), required: Sequence[tuple[str, str]] = ()
) -> FloatArray:
    """(n, 52) weights; arguments as of `sample_expressions`."""
    return sample_expressions(rng, count, withheld, required, MOVING_KINDS)


def _wink(rng: Generator, row: FloatArray) -> None:
    """One eye closes, its cheek rises; often with a smile on that side."""
    side = SIDES[rng.integers(2)]
    row[INDEX[f"eyeBlink{side}"]] = rng.uniform(0.6, 1.0)
    row[INDEX[f"eyeSquint{side}"]] = rng.uniform(0.0, 0.3)
    row[INDEX[f"cheekSquint{side}"]] = rng.uniform(0.1, 0.8)
    row[INDEX[f"mouthSmile{side}"]] = rng.uniform(0.0, 0.7)
    row[INDEX[f"browDown{side}"]] = rng.uniform(0.0, 0.4)


def _one_sided(rng: Generator, row: FloatArray) -> None:
    """Two or three movements, each on one side: a smirk, a snarl, a doubtful brow."""
    stems = rng.choice(_ONE_SIDED, size=rng.integers(2, 4), replace=False)
    for stem in stems:
        row[INDEX[f"{stem}{SIDES[rng.integers(2)]}"]] = rng.uniform(0.3, 1.0)
    if rng.random() < 0.3:
        set_unit(rng, row, str(rng.choice(["jawSide", "mouthSide"])), rng.uniform(0.2, 0.8))


_ONE_SIDED = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress",
    "noseSneer",
    "cheekSquint", "browDown", "browOuterUp", "eyeSquint",
)  # fmt: skip


def _closed_over_jaw(rng: Generator, row: FloatArray) -> None:
    """Lips that stay closed, wholly or nearly, while the jaw moves: chewing, humming, m, b, p."""
    row[INDEX["jawOpen"]] = rng.uniform(0.05, 0.7)
    row[INDEX["mouthClose"]] = row[INDEX["jawOpen"]] * rng.uniform(0.75, 1.0)
    for unit, chance in (("mouthPress", 0.4), ("jawSide", 0.3), ("mouthRollLower", 0.2), ("mouthRollUpper", 0.2)):
        if rng.random() < chance:
            set_unit(rng, row, unit, rng.uniform(0.1, 0.6))


def _pressed(rng: Generator, row: FloatArray) -> None:
    """Lips against each other: pressed, rolled in, shrugged."""
    for unit in rng.choice(["mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"], 2, replace=False):
        set_unit(rng, row, str(unit), rng.uniform(0.2, 1.0))
    if rng.random() < 0.4:
        set_unit(rng, row, str(rng.choice(["mouthFrown", "mouthSmile", "mouthDimple"])), rng.uniform(0.1, 0.6))


def _kiss(rng: Generator, row: FloatArray) -> None:
    """Rounded lips, with or without a sound."""
    set_unit(rng, row, "mouthPucker", rng.uniform(0.4, 1.0))
    set_unit(rng, row, "mouthFunnel", rng.uniform(0.0, 0.5))
    if rng.random() < 0.4:
        set_unit(rng, row, "eyeBlink", rng.uniform(0.5, 1.0))


def _yawn(rng: Generator, row: FloatArray) -> None:
    """A wide open jaw under narrowed eyes."""
    strength = rng.uniform(0.5, 1.0)
    row[INDEX["jawOpen"]] = strength
    set_unit(rng, row, "eyeBlink", strength * rng.uniform(0.3, 1.0))
    set_unit(rng, row, "browDown", rng.uniform(0.0, 0.5))
    set_unit(rng, row, "mouthStretch", rng.uniform(0.0, 0.4))


def _laugh(rng: Generator, row: FloatArray) -> None:
    """Mouth open, corners up, eyes nearly shut."""
    strength = rng.uniform(0.5, 1.0)
    row[INDEX["jawOpen"]] = strength * rng.uniform(0.3, 0.8)
    set_unit(rng, row, "mouthSmile", strength)
    set_unit(rng, row, "mouthUpperUp", strength * rng.uniform(0.1, 0.7))
    set_unit(rng, row, "cheekSquint", strength * rng.uniform(0.4, 1.0))
    set_unit(rng, row, "eyeSquint", strength * rng.uniform(0.2, 0.9))
    set_unit(rng, row, "eyeBlink", strength * rng.uniform(0.0, 0.6))


def _tongue(rng: Generator, row: FloatArray) -> None:
    """The tongue out of a little open mouth."""
    row[INDEX["tongueOut"]] = rng.uniform(0.4, 1.0)
    row[INDEX["jawOpen"]] = rng.uniform(0.0, 0.5)
    if rng.random() < 0.5:
        set_unit(rng, row, str(rng.choice(["mouthSmile", "eyeBlink", "eyeWide", "browDown"])), rng.uniform(0.2, 0.8))


OWN_SHARE = 0.4
_OWN: tuple[Kind, ...] = (
    (0.16, _wink), (0.18, _one_sided), (0.18, _closed_over_jaw), (0.12, _pressed), (0.1, _kiss), (0.08, _yawn),
    (0.13, _laugh),
    (0.05, _tongue),
)  # fmt: skip
MOVING_KINDS: tuple[Kind, ...] = (
    *((share * (1 - OWN_SHARE), draw) for share, draw in KINDS),
    *((share * OWN_SHARE, draw) for share, draw in _OWN),
)
