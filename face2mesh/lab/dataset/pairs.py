"""Views of a data set as training pairs, cut and told as `lab/pairs` does.

Letters: K views.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.face import CropPose, project
from face2mesh.lab.dataset.dataset import Dataset
from face2mesh.lab.pairs.photos import CROP_PIXELS, WIDER
from face2mesh.photo import crop_of_landmarks, cut, read_photo
from face2mesh.store import sha256


def pairs_of(dataset: Dataset, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """Cut the crops of views and turn their poses into what the network says of a crop.

    Args:
        dataset: whose.
        rows: (K,) of its views.

    Returns:
        As `read_pairs`, one row a view, without codes: `crop` (K, 160, 160, 3) uint8, `points` (K, 468, 2) float32 in
        the crop's pixels, `inside` (K, 468), whether they count; `rotation` (K, 3, 3) R_net, `offset` (K, 2) and
        `log_scale` (K,) of the canonical crop; `distance` (K,) mm; `light` (K, 9, 3), NaN where unknown. And `head`
        (K,) int32, rows of the heads, whose vertices are the truth, and `exact` (K,).

    Raises:
        InputFileError: a photo is missing, or is not the one that was collected.
        PhotoError: a photo cannot be read.
    """
    template, heads, views = dataset.template, dataset.heads, dataset.views
    crops = np.empty((len(rows), CROP_PIXELS, CROP_PIXELS, 3), np.uint8)
    points = np.empty((len(rows), *views.points.shape[1:]), np.float32)
    told: list[dict[str, Any]] = []
    for number, row in enumerate(rows.tolist()):
        path = dataset.folder / str(views.photo[row])
        made_by = f"face2mesh {'render' if views.exact[row] else 'dataset collect'} {dataset.folder}"
        if not path.is_file():
            raise InputFileError(f"{path}: not found; put it back or run `{made_by}` again.")
        if sha256(path) != views.photo_sha256[row]:
            raise InputFileError(f"{path}: has changed; run `{made_by}` again.")
        camera, pose = views.camera_of(row), views.pose_of(row)
        landmarks = project(template.landmarks(heads.vertices[views.head[row]]), camera, pose)
        crop = crop_of_landmarks(landmarks)
        wide = crop.scaled(WIDER)
        crops[number] = cut(read_photo(path).rgb, wide, CROP_PIXELS)
        points[number] = wide.to_crop(views.points[row], CROP_PIXELS)
        of_crop = CropPose.of(pose, camera, crop.centre, crop.side)
        told.append({"rotation": of_crop.rotation, "offset": of_crop.offset, "log_scale": of_crop.log_scale})
    known = np.asarray(np.isfinite(points).all(-1))
    points = np.where(known[..., None], points, 0).astype(np.float32)
    shapes: dict[str, tuple[int, ...]] = {"rotation": (3, 3), "offset": (2,), "log_scale": ()}
    poses = {
        name: np.array([one[name] for one in told], np.float32).reshape(len(rows), *shape)
        for name, shape in shapes.items()
    }
    return {
        "crop": crops,
        "points": points,
        "inside": known & ((points >= 0) & (points < CROP_PIXELS)).all(-1),
        **poses,
        "distance": views.translation[rows, 2].astype(np.float32),
        "light": views.light[rows],
        "head": views.head[rows],
        "exact": views.exact[rows],
    }
