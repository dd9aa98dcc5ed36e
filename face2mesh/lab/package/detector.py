"""From a training run to the face detector that the runtime ships: export, threshold, files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.evaluate.fairface import BORDER
from face2mesh.lab.evaluate.same_face import same_face
from face2mesh.lab.nets.detector import OUTPUTS, Detector, DetectorConfiguration, Pyramid
from face2mesh.lab.package.export import LARGEST_DIFFERENCE_OF_CODES, differences, export_network
from face2mesh.lab.pairs.fairface import PHOTO_SIDE
from face2mesh.lab.pairs.pasted import FACE_SIDE, Composition, Pieces, paste
from face2mesh.lab.pairs.scenery import Scenery
from face2mesh.lab.progress import progress_to
from face2mesh.lab.train.checkpoint import CHECKPOINT, part, read_checkpoint
from face2mesh.network import Network
from face2mesh.photo import Box, box_of_points, detect
from face2mesh.photo.detect import DESCRIPTION_FILE, DETECTOR_FILE, FORMAT, VERSION
from face2mesh.store import write_atomically, write_document

LARGEST_BYTES = 1_000_000
# Numbers in a constant that is worth storing in half precision.
_LARGE = 500
SEED = 0
# Of the pictures without faces that were held out of training, this share may keep a find. They are made to deceive:
# many are mosaics of skin and hair, or trays of coins.
_FALSE_ALARMS = 1 / 50
_LOWEST_THRESHOLD, _HIGHEST_THRESHOLD = 0.5, 0.95
_EMPTY = Composition(whole=0, face=0, shuffled=0, thing=0.6, layers=5)
_FACES = Composition(whole=0.3, face=0.7, shuffled=0.1, thing=0.2, layers=3, smallest=18, largest=240, small=0.4)
_SIDE, _EMPTY_PICTURES, _WALLS, _FACE_PICTURES, _PHOTOS = 320, 200, 200, 400, 400
# Of faces that are hidden more, or smaller (pixels), nothing is asked.
_SHOWN, _SMALLEST = 0.7, 20.0


def read_trained(run: Path) -> tuple[Detector, dict[str, Any]]:
    """The detector of a run, with its weights' moving average, and the checkpoint's header.

    Raises:
        InputFileError: there is no checkpoint, or it holds something else.
    """
    path = run / CHECKPOINT
    tensors, header = read_checkpoint(path)
    try:
        settings: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in header["network"].items()
        }
        detector = Detector(DetectorConfiguration(**settings))
        detector.load_state_dict(part(tensors, "average."))
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(f"{path}: holds no detector of this program; train it again.") from error
    return detector.eval(), header


def simplified(detector: Detector) -> Detector:
    """The detector with each normalisation folded into the convolution before it and weights rounded to halves."""
    for module in detector.modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                convolution, normalisation = module[index], module[index + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(convolution, normalisation)
                    module[index + 1] = nn.Identity()
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.requires_grad_(False)
            if parameter.numel() >= _LARGE:
                parameter.copy_(parameter.half().float())
    return detector.eval()


def exported(detector: Detector) -> bytes:
    """The ONNX file's bytes: input `picture` (B, 8·h, 8·w, 3) uint8, output `boxes` (B, N, 5), see `Pyramid`.

    Raises:
        Face2MeshError: ONNX Runtime says something else than torch, or the file is larger than 1 MB.
    """
    pyramid = Pyramid(detector).eval()
    free = {1: 8 * torch.export.Dim("h", min=2, max=512), 2: 8 * torch.export.Dim("w", min=2, max=512)}
    generator = torch.Generator().manual_seed(SEED)

    def picture(*shape: int) -> dict[str, torch.Tensor]:
        return {"picture": torch.randint(256, (*shape, 3), generator=generator, dtype=torch.uint8)}

    content = _in_halves(export_network(pyramid, picture(2, 96, 136), ["boxes"], free=free))
    for shape in ((1, 320, 240), (3, 16, 56)):
        value = differences(pyramid, content, picture(*shape), ["boxes"])["boxes"][1]
        if not value <= LARGEST_DIFFERENCE_OF_CODES:
            raise Face2MeshError(
                f"{DETECTOR_FILE}: the exported network differs by {value:.2g} from the original, more than "
                f"{LARGEST_DIFFERENCE_OF_CODES:g}; report the versions of torch and onnxruntime."
            )
    if len(content) > LARGEST_BYTES:
        raise Face2MeshError(
            f"{DETECTOR_FILE}: takes {len(content)} bytes, more than {LARGEST_BYTES}; train a narrower detector."
        )
    return content


def _in_halves(content: bytes) -> bytes:
    """The graph with constants that half precision holds exactly stored so, and widened when it is loaded."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    for constant in list(graph.initializer):
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        halves = values.astype(np.float16)
        if np.array_equal(halves.astype(np.float32), values):
            graph.initializer.remove(constant)
            graph.initializer.append(numpy_helper.from_array(halves, f"{constant.name}_half"))
            cast = helper.make_node("Cast", [f"{constant.name}_half"], [constant.name], to=TensorProto.FLOAT)
            graph.node.insert(0, cast)
    stored: bytes = model.SerializeToString()
    return stored


def with_true_sizes(detector: Detector, pieces: Pieces) -> tuple[Detector, NDArray[np.float64]]:
    """The detector with boxes as large as the faces of held-out photos, in the median.

    Joining what several cells say of a face, from copies of several sizes, shifts the sizes a little.

    Args:
        detector: simplified; it is changed.
        pieces: with held-out faces.

    Returns:
        The detector, and the logarithms (2,) of the factors on width and height that were taken back.
    """
    network = Network(DETECTOR_FILE, exported(detector), threads=1)
    ratios = []
    for photo, (true,) in _photos(pieces):
        right = [find for find in detect.finds(network, photo) if same_face(find.box, true)]
        if right:
            box = max(right, key=lambda find: find.box.score).box
            ratios.append((box.w / true.w, box.h / true.h))
    offset: NDArray[np.float64] = np.median(np.log(np.array(ratios).reshape(-1, 2)), 0) if ratios else np.zeros(2)
    with torch.no_grad():
        bias = detector.outputs.bias
        assert bias is not None
        bias[[OUTPUTS.index("log_width"), OUTPUTS.index("log_height")]] -= torch.tensor(offset, dtype=bias.dtype)
    return detector, offset


def calibrated(content: bytes, pieces: Pieces, scenery: Scenery) -> tuple[NDArray[np.float64], float, dict[str, Any]]:
    """How sure a find is, and from which score on it counts, from pictures that training has not seen.

    Args:
        content: the ONNX file's bytes.
        pieces: held-out faces, tiles and things.
        scenery: of which the held-out tiles are searched as they are.

    Returns:
        The weights of a logistic regression on `Find.measures`, faces and other finds counting the same in total; the
        lowest score, from 0.5 to 0.95, that at most one in 50 pictures without faces exceeds; and a report.
    """
    network = Network(DETECTOR_FILE, content, threads=1)
    tiles = scenery.tiles[scenery.held_tile]
    total = len(tiles) + _WALLS + _EMPTY_PICTURES + 2 * len(pieces.faces[:_PHOTOS]) + _FACE_PICTURES
    tell, done = progress_to(total, "pictures looked at"), 0

    def found(picture: NDArray[np.uint8]) -> list[detect.Find]:
        nonlocal done
        done += 1
        tell(done)
        return detect.finds(network, np.ascontiguousarray(picture))

    generator = torch.Generator().manual_seed(SEED)
    empty = [[find.measures() for find in found(picture)] for picture in _without_faces(tiles, pieces, generator)]
    faces: list[NDArray[np.float64] | None] = []
    for picture, boxes in _with_faces(pieces, generator):
        here = found(picture)
        for box in boxes:
            right = [find for find in here if same_face(find.box, box)]
            faces.append(max(right, key=lambda find: find.box.score).measures() if right else None)
    seen = [measures for measures in faces if measures is not None]
    weights = _logistic_regression(np.stack(seen), np.array([find for finds in empty for find in finds]))
    highest = [max((_chance(find, weights) for find in finds), default=0.0) for finds in empty]
    allowed = float(np.quantile(highest, 1 - _FALSE_ALARMS))
    threshold = round(min(max(allowed, _LOWEST_THRESHOLD), _HIGHEST_THRESHOLD), 3)
    report = {
        "pictures_without_faces": len(empty),
        "false_alarms": int(sum(score > threshold for score in highest)),
        "faces": len(faces),
        "found": int(sum(_chance(measures, weights) > threshold for measures in seen)),
    }
    return weights, threshold, report


def _without_faces(tiles: NDArray[np.uint8], pieces: Pieces, generator: torch.Generator) -> Iterator[NDArray[np.uint8]]:
    """Tiles, four of them side by side, and things on scenery."""
    yield from tiles
    for chosen in torch.randint(len(tiles), (_WALLS, 4), generator=generator).tolist():
        first, second, third, fourth = tiles[chosen]
        yield np.concatenate([np.concatenate([first, second], 1), np.concatenate([third, fourth], 1)])
    for _ in range(_EMPTY_PICTURES):
        yield _picture(paste(pieces, 1, _SIDE, _EMPTY, generator).pictures[0])


def _with_faces(pieces: Pieces, generator: torch.Generator) -> Iterator[tuple[NDArray[np.uint8], list[Box]]]:
    """Photos of faces, as they are and with a border, and faces of all sizes on scenery, with the boxes to be found."""
    yield from _photos(pieces)
    for _ in range(_FACE_PICTURES):
        pasted = paste(pieces, 1, _SIDE, _FACES, generator)
        asked = pasted.there[0] & (pasted.visible[0] > _SHOWN) & (pasted.boxes[0, :, 2:4].prod(1).sqrt() > _SMALLEST)
        boxes = [Box(x - w / 2, y - h / 2, w, h) for x, y, w, h in pasted.boxes[0, asked, :4].tolist()]
        yield _picture(pasted.pictures[0]), boxes


def _photos(pieces: Pieces) -> Iterator[tuple[NDArray[np.uint8], list[Box]]]:
    """Photos of faces, as they are and with a border, with the box to be found."""
    for face, landmarks in zip(pieces.faces[:_PHOTOS], pieces.landmarks[:_PHOTOS], strict=True):
        photo = np.asarray(Image.fromarray(face.permute(1, 2, 0).numpy()).resize((PHOTO_SIDE, PHOTO_SIDE)))
        points = landmarks.numpy() * (PHOTO_SIDE / FACE_SIDE)
        for border in (0, BORDER):
            framed = np.pad(photo, ((border, border), (border, border), (0, 0)), mode="edge")
            yield framed, [box_of_points(points + border)]


def _picture(made: torch.Tensor) -> NDArray[np.uint8]:
    return np.asarray((made.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8))


def _chance(measures: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(1 / (1 + np.exp(-np.clip(measures @ weights, -50, 50))))


def _logistic_regression(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) weights that tell rows (N, K) of the one from the other, each counting the same in total."""

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = 1e-3 * float(weights @ weights), 2e-3 * weights
        for rows, sign in ((positive, -1.0), (negative, 1.0)):
            margin = sign * (rows @ weights)
            value += float(np.logaddexp(0, margin).mean())
            slope = slope + sign * rows.T @ expit(margin) / len(rows)
        return value, slope

    if len(negative) == 0:
        negative = np.zeros((1, positive.shape[1]))
    weights: NDArray[np.float64] = minimize(loss, np.zeros(positive.shape[1]), jac=True, method="L-BFGS-B").x
    return np.round(weights, 4)


def write_detector(
    folder: Path,
    content: bytes,
    weights: NDArray[np.float64],
    threshold: float,
    further_threshold: float,
    origin: Mapping[str, Any],
) -> None:
    """Write `detector.onnx` and, after it, `detector.json`, which names its hash.

    Raises:
        OutputError: the folder cannot be written.
    """
    description = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "weights": [float(weight) for weight in weights],
        "threshold": round(threshold, 3),
        "further_threshold": round(further_threshold, 3),
        "licence": "MIT",
        "provenance": dict(origin),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / DETECTOR_FILE, lambda file: file.write(content))
    write_document(folder / DESCRIPTION_FILE, description)
