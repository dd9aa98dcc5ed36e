"""From a training run to the face detector that the runtime ships: export, threshold, files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.nets.detector import Detector, DetectorConfiguration, Pyramid
from face2mesh.lab.package.export import LARGEST_DIFFERENCE_OF_CODES, differences, export_network
from face2mesh.lab.pairs.pasted import Composition, Pieces, paste
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.lab.pairs.scenery import Scenery
from face2mesh.lab.train.checkpoint import CHECKPOINT, part, read_checkpoint
from face2mesh.network import Network
from face2mesh.photo import detect
from face2mesh.photo.detect import DESCRIPTION_FILE, DETECTOR_FILE, FORMAT, VERSION
from face2mesh.store import write_atomically

LARGEST_BYTES = 1_000_000
# Numbers in a constant that is worth storing in half precision.
_LARGE = 500
SEED = 0
# Of the pictures without faces that were held out of training, this share may keep a find. They are made to deceive:
# half of them are mosaics of skin and hair.
_FALSE_ALARMS = 1 / 50
_LOWEST, _LOWEST_THRESHOLD, _HIGHEST_THRESHOLD = 0.1, 0.5, 0.7
_EMPTY = Composition(whole=0, face=0, shuffled=0, thing=0.6, layers=5)
_EMPTY_PICTURES, _EMPTY_SIDE = 200, 320


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


def calibrated(content: bytes, pieces: Pieces, scenery: Scenery, faces: int = 300) -> tuple[float, dict[str, Any]]:
    """The score from which on a find counts, from pictures that training has not seen.

    Args:
        content: the ONNX file's bytes.
        pieces: held-out faces, tiles and things.
        scenery: of which the held-out tiles are searched as they are.
        faces: how many held-out photos of faces are searched, for the report.

    Returns:
        The lowest score, from 0.5 to 0.7, that at most one in 50 pictures without faces exceeds; and a report with
        the shares of pictures that it finds something in.
    """
    finder = detect.Detector(Network(DETECTOR_FILE, content, threads=1), _LOWEST, 1.0)

    def highest(picture: NDArray[np.uint8]) -> float:
        return max((box.score for box in detect.find_faces_with(finder, picture)), default=0.0)

    generator = torch.Generator().manual_seed(SEED)
    tiles = scenery.tiles[scenery.held_tile]
    tell = progress_to(len(tiles) + _EMPTY_PICTURES + faces, "calibrating")
    empty = []
    for tile in tiles:
        empty.append(highest(tile))
        tell(len(empty))
    while len(empty) < len(tiles) + _EMPTY_PICTURES:
        made = paste(pieces, 1, _EMPTY_SIDE, _EMPTY, generator).pictures[0]
        empty.append(highest((made.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)))
        tell(len(empty))
    with_face = []
    for face in pieces.faces[:faces].permute(0, 2, 3, 1).numpy():
        with_face.append(highest(np.ascontiguousarray(face)))
        tell(len(empty) + len(with_face))
    allowed = float(np.quantile(empty, 1 - _FALSE_ALARMS))
    threshold = round(min(max(allowed, _LOWEST_THRESHOLD), _HIGHEST_THRESHOLD), 3)
    report = {
        "pictures_without_faces": len(empty),
        "false_alarms": int(sum(score > threshold for score in empty)),
        "photos_of_faces": len(with_face),
        "found": int(sum(score > threshold for score in with_face)),
    }
    return threshold, report


def write_detector(
    folder: Path, content: bytes, threshold: float, further_threshold: float, origin: Mapping[str, Any]
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
        "threshold": round(threshold, 3),
        "further_threshold": round(further_threshold, 3),
        "licence": "MIT",
        "provenance": dict(origin),
    }
    text = json.dumps(description, indent=1, sort_keys=True) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / DETECTOR_FILE, lambda file: file.write(content))
    write_atomically(folder / DESCRIPTION_FILE, lambda file: file.write(text.encode()))
