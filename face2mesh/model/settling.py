"""Contact in the heads that a model decodes.

Decoders are smooth, and were taught heads that move and touch nothing. Here lids and lips of every decoded head are
settled by what settles the moving corpus. What a full blink, and closed lips, leave open in a face is what the decoder
itself makes of them.

Letters: B heads, V vertices, S of them skin, N heads of neutrals (1 or B).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.contact import Contact
from face2mesh.contact.closing import closing_amount
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]
Displacement = Callable[[NDArray[np.int64], FloatArray], FloatArray]
"""Rows of the heads (n,) and other weights for them (n, 52) to displacements of their skins (n, S, 3) mm."""

# Closing by less than this share of what is open is left out: it needs a second look at the face. An encoder hardly
# ever says 0.
FAINT = 0.02

_BLINKS = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_OPEN, _CLOSE = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
_JAW = [ARKIT_NAMES.index(name) for name in ("jawOpen", "jawForward", "jawLeft", "jawRight")]
_OF_LIPS = [row for row, name in enumerate(ARKIT_NAMES) if not name.startswith(("eye", "brow"))]


def settled(
    heads: FloatArray,
    neutral: FloatArray,
    weights: FloatArray,
    displacement: Displacement,
    contact: Contact,
    followers: Followers,
) -> FloatArray:
    """Heads whose lids and lips touch and do not pass through each other, eyeballs, teeth and tongue.

    Args:
        heads: (B, V, 3) mm, as they were decoded.
        neutral: (N, S, 3) mm, their skins without expression.
        weights: (B, 52).
        displacement: the decoder.
        contact: what touches what.
        followers: where eyes and lashes are among the vertices.

    Returns:
        (B, V, 3) mm.
    """
    count, skin = len(heads), neutral.shape[1]
    rest = np.broadcast_to(neutral, (count, *neutral.shape[1:]))
    result = heads.astype(np.float64)
    jaw, close = weights[:, _OPEN].astype(np.float64), weights[:, _CLOSE].astype(np.float64)
    closing = _beyond_faint(closing_amount(jaw, close))
    blinks = _beyond_faint(weights[:, _BLINKS].astype(np.float64))
    closed_skins, blinking_skins = _further_skins(result[:, :skin], rest, weights, closing, blinks, displacement)
    skins = np.ascontiguousarray(result[:, :skin])
    contact.closing.close(skins, rest, closed_skins[:, contact.closing.line], closing)
    result[:, :skin] = skins
    _settle_lips(result, neutral, weights, contact)
    centres, gaze = _eyes(result, followers.eyes + skin, followers)
    skins = np.ascontiguousarray(result[:, :skin])
    out = contact.lids.around(skins, centres)
    # Lips do not move lids: what the blink leaves open is told by the heads as they were decoded.
    contact.lids.settle(out, contact.lids.around(blinking_skins, centres), blinks, gaze)
    contact.lids.put(skins, out, centres)
    result[:, :skin] = skins
    if followers.motion is not None:
        of_left = followers.rest[slice(*followers.motion.lash_rows), 0] >= 0
        about = np.where(of_left[:, None], centres[:, :1], centres[:, 1:])
        followers.motion.roll_lashes(result[:, skin:], heads[:, :skin], skins, about)
    return result.astype(np.float32)


def _beyond_faint(amount: Array) -> Array:
    """0 up to `FAINT`, then rising to 1 at 1."""
    risen: Array = np.maximum(amount - FAINT, 0) / (1 - FAINT)
    return risen


def _further_skins(
    skins: Array, rest: FloatArray, weights: FloatArray, closing: Array, blinks: Array, displacement: Displacement
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same faces with lips closed over their jaws and nothing else, and with both blinks at 1: (B, S, 3) each.

    Only where they are asked for and are not what the faces show already.
    """
    only_jaw = np.zeros_like(weights)
    only_jaw[:, _JAW] = weights[:, _JAW]
    only_jaw[:, _CLOSE] = weights[:, _OPEN]
    both_blinks = weights.copy()
    both_blinks[:, _BLINKS] = 1
    closed = np.flatnonzero((closing > 0) & (only_jaw != weights).any(1))
    blinking = np.flatnonzero(((blinks > 0) & (blinks < 1)).any(1))
    further = [np.array(skins, np.float64) if len(rows) else skins for rows in (closed, blinking)]
    rows = np.concatenate([closed, blinking])
    if len(rows):
        moved = rest[rows] + displacement(rows, np.concatenate([only_jaw[closed], both_blinks[blinking]]))
        further[0][closed], further[1][blinking] = moved[: len(closed)], moved[len(closed) :]
    return further[0], further[1]


def _settle_lips(heads: Array, neutral: FloatArray, weights: FloatArray, contact: Contact) -> None:
    """Settle lips and lining of heads in place.

    Where eyes and brows alone move, they are settled as the neutral ones are: so a third of a person's morph
    targets cost no more than one.
    """
    soft = np.union1d(contact.lips.soft, contact.lining.inner)
    moved = weights[:, _OF_LIPS].any(1)
    still = np.flatnonzero(~moved)
    shown = still if len(neutral) > 1 else still[:1]
    together = heads[np.concatenate([np.flatnonzero(moved), shown])]
    own = neutral[:, soft] if len(neutral) == 1 else neutral[still][:, soft]
    first = int(moved.sum())
    if len(shown):
        together[first:, soft] = own
    contact.lips.settle(together)
    contact.lining.settle(together)
    heads[moved] = together[:first]
    if len(shown):
        heads[still[:, None], soft] += together[first:, soft] - own


def _eyes(heads: Array, eyes: NDArray[Any], followers: Followers) -> tuple[Array, Array]:
    """Centres (B, 2, 3) of the eyeballs and unit vectors (B, 2, 3) in which they look, from their front and back."""
    front, back = heads[:, eyes[:, 0]], heads[:, eyes[:, 1] - 1]
    ahead = front - back
    gaze = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    behind = np.linalg.norm(followers.rest[followers.eyes[:, 1] - 1] - followers.eye_centres, axis=1)
    return back + gaze * behind[:, None], gaze
