"""MediaPipe beside the model, in an environment of its own (it wants NumPy below 2).

Letters: N pictures, H and W their height and width.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.lab.base.embeddings import IBUG_68

WORKER = Path(__file__).with_name("mediapipe_worker.py")

FloatArray = NDArray[np.float64]


def _mirror_of_68() -> tuple[int, ...]:
    """Which of iBUG's points is the mirror image of which."""
    pairs = {i: 16 - i for i in range(17)} | {i: 43 - i for i in range(17, 27)} | {i: i for i in range(27, 31)}
    pairs |= {i: 66 - i for i in range(31, 36)} | {i: 102 - i for i in range(48, 55)}
    pairs |= {i: 114 - i for i in range(55, 60)} | {i: 124 - i for i in range(60, 65)}
    pairs |= {i: 132 - i for i in range(65, 68)}
    for right, left in ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)):
        pairs |= {right: left, left: right}
    return tuple(pairs[i] for i in range(68))


MIRROR_OF_68 = _mirror_of_68()


def landmarks_by_mediapipe(
    python: Path, pictures: NDArray[np.uint8], border: int = 0, mirrored: bool = False
) -> tuple[FloatArray, str]:
    """MediaPipe's 68 landmarks of each picture.

    Args:
        python: of the environment that has MediaPipe.
        pictures: (N, H, W, 3).
        border: pixels of repeated border added on each side before looking.
        mirrored: look at the mirrored pictures; the answer is mirrored back.

    Returns:
        (N, 68, 2) pixels of the pictures, NaN where nobody is found; and MediaPipe's version.

    Raises:
        Face2MeshError: that Python cannot run MediaPipe.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, written = Path(folder) / "pictures.npy", Path(folder) / "points.npy"
        np.save(given, pictures)
        words = [str(python), "-I", str(WORKER), str(given), str(border), "mirrored" if mirrored else "plain"]
        try:  # -I: neither this environment nor the modules beside the worker are for the other Python
            ran = subprocess.run([*words, str(written)], capture_output=True, text=True, check=True)
            points: NDArray[Any] = np.load(written)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
            raise Face2MeshError(
                f"{python}: cannot run MediaPipe ({' '.join(said)}); name a Python with mediapipe 0.10.21 with "
                "--mediapipe-python, or leave the option out."
            ) from error
    marks = points[:, list(IBUG_68)].astype(np.float64)
    return (marks[:, list(MIRROR_OF_68)] if mirrored else marks), ran.stdout.split()[-1]
