"""Several photos of one person: one identity.

Letters: N faces, M identity modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.face import Face
from face2mesh.face.resection import resected

FLOOR = 0.020
"""σ₀ of `fusion_weights`, in sides of the face box.

What the heads of one person's photos differ in, as a mean square over face and ears, grows with the landmarks'
expected deviation σ as a + b · σ²; this is √(a/b), as `face2mesh lab evaluate --only fusion` finds it on rendered
people of the validation split (results/fusion.json, with its interval)."""

AGREEMENT = 0.87
"""r of `fuse`: how two photos' heads of one person correlate, from the same command."""


def fusion_weights(faces: Sequence[Face]) -> NDArray[np.float64]:
    """How much each photo counts for the identity that all of them show.

    Independent estimates of one thing are best combined with weights that are the inverse of their variances (Aitken
    1935, generalised least squares). The variance of a photo's code is taken as σ₀² + σ²: σ² is the mean square of the
    deviations that the network itself expects of the landmarks, relative to the face, so small, blurred, covered and
    turned faces count less.

    Args:
        faces: N, of one person. Where one does not know its landmarks' deviations, all count alike.

    Returns:
        (N,), above 0, their sum is 1.
    """
    weights = np.ones(len(faces))
    for i, face in enumerate(faces):
        if face.landmark_sigma_px is None:
            weights[:] = 1
            break
        sigma = np.asarray(face.landmark_sigma_px, np.float64) / face.face_box.side
        weights[i] = 1 / (FLOOR**2 + float((sigma**2).mean()))
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def fuse(faces: Sequence[Face]) -> Face:
    """One head of one person's photos: m · the weighted mean of their identity codes (see `fusion_weights`).

    A network that is taught with squared errors keeps to the safe side: what one photo leaves open it fills with the
    mean head, so its codes are too short by what it does not know. Several photos know more; the best linear predictor
    from n estimates that correlate by r with each other is m = n / (1 + (n − 1) r) times their mean (the Spearman–Brown
    formula's factor). n here is what the photos are worth together, 1 / Σ weight².

    Everything else is the first photo's: camera, expression, colours, texture. Its pose is found again so that the new
    head's landmarks lie where the first photo's own head had them; a scale from a known distance between the eyes is
    kept.

    Args:
        faces: of one model; 1 or more.

    Raises:
        Face2MeshError: there are none, or they are of different models.
    """
    if not faces:
        raise Face2MeshError("There is no face to fuse; give at least one.")
    first = faces[0]
    models = {(face.decoder.name, face.decoder.version, len(face.identity)) for face in faces}
    if len(models) > 1:
        raise Face2MeshError("Faces of different models cannot be fused; reconstruct all photos with the same one.")
    if len(faces) == 1:
        return first
    codes, weights = np.array([face.identity for face in faces], np.float64), fusion_weights(faces)
    worth = 1 / float((weights**2).sum())
    identity = worth / (1 + (worth - 1) * AGREEMENT) * (weights @ codes)
    fused = replace(first, identity=identity.astype(np.float32))
    if first.scale_source != "prior":
        fused = replace(fused, scale=first.scale * first.eye_distance_mm / fused.eye_distance_mm)
    seen: NDArray[Any] = first.landmarks_px
    return replace(fused, pose=resected(fused.landmarks, seen, first.camera, first.pose))
