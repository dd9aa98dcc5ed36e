"""`face2mesh fit`: the model's head that comes nearest to a mesh or a scan."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from face2mesh.cli.head_options import add_mesh_options, check_blender
from face2mesh.cli.options import add_debug

if TYPE_CHECKING:
    from face2mesh.model import Model
    from face2mesh.model.fit import Fit

_SMALLEST_MM, _LARGEST_MM = 80.0, 1000.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `fit` to the command line."""
    parser = subparsers.add_parser(
        "fit",
        help="codes of a sculpt or a scan",
        description="Find the head of the model that comes nearest to a mesh, wherever it lies: DIR/<mesh>.obj and "
        "DIR/<mesh>.json. A mesh with our vertices in our order is compared vertex by vertex, any other by closest "
        "points. (`face2mesh register` goes on from there and bends the head until it lies on the scan.)",
    )
    parser.add_argument("meshes", nargs="+", type=Path, metavar="MESH", help="OBJ, PLY, STL or GLB")
    add_mesh_options(parser)
    parser.add_argument("--expression", action="store_true", help="find the expression too; else heads are neutral")
    parser.add_argument("--scale", action="store_true", help="the unit is unknown; else it is mm (GLB: m)")
    parser.add_argument(
        "--noise",
        type=_millimetres,
        metavar="MM",
        help="smaller follows the mesh more closely (default: 0.3; by closest points 0.5)",
    )
    add_debug(parser)
    parser.set_defaults(run=run, misuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Fit each mesh, write the heads and print the files.

    Raises:
        Face2MeshError: the model cannot be loaded, or a file cannot be written.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.cli.heads import make_folder, write_head
    from face2mesh.cli.job import Outcome, report_failures
    from face2mesh.cli.progress import Progress
    from face2mesh.errors import Face2MeshError, InputFileError
    from face2mesh.model import load

    check_blender(arguments)
    if len({mesh.stem.casefold() for mesh in arguments.meshes}) < len(arguments.meshes):
        arguments.misuse("two meshes have the same name; fit them into folders of their own")
    model = load(arguments.model)
    make_folder(arguments.output)
    outcomes = []
    with Progress(len(arguments.meshes), "meshes") as progress:
        for done, path in enumerate(arguments.meshes, 1):
            outcome = Outcome(str(path))
            try:
                for suffix in arguments.format:
                    target = arguments.output / f"{path.stem}.{suffix}"
                    if target.exists() and path.exists() and target.samefile(path):
                        raise InputFileError(f"{path}: would be replaced by its fit; choose another folder with -o.")
                fit = _fit(model, path, arguments)
                told = {"fitted_to": path.name, "mean_mm": round(fit.mean_mm, 4), "placement": _placement(fit)}
                files = write_head(fit.face, path.stem, arguments, told)
                progress.clear()
                print("\n".join(map(str, files)), flush=True)
            except Face2MeshError as error:
                if arguments.debug:
                    raise
                outcome.error = str(error)
            outcomes.append(outcome)
            progress.show(done)
    return report_failures(outcomes)


def _fit(model: Model, path: Path, arguments: argparse.Namespace) -> Fit:
    """The fit of one file's mesh.

    Raises:
        Face2MeshError: it cannot be read or fitted.
    """
    import numpy as np

    from face2mesh.errors import Face2MeshError, InputFileError
    from face2mesh.head.normals import vertex_normals
    from face2mesh.read import read_mesh

    mesh = read_mesh(path)
    vertices = mesh.vertices * (mesh.millimetres_per_unit or 1)
    size = float(np.ptp(vertices, axis=0).max())
    if not arguments.scale and not _SMALLEST_MM <= size <= _LARGEST_MM:
        raise InputFileError(f"{path}: is {size:.4g} mm large, which no head is; give --scale if its unit is not mm.")
    noise = {} if arguments.noise is None else {"noise_mm": arguments.noise}
    try:
        if len(vertices) in (model.base_head.skin_count, len(model.base_head.vertices)):
            return model.fit(vertices, expression=arguments.expression, scale=arguments.scale, **noise)
        normals = vertex_normals(vertices, mesh.triangles) if len(mesh.triangles) else None
        return model.fit_points(
            vertices, normals=normals, expression=arguments.expression, scale=arguments.scale, **noise
        )
    except InputFileError:
        raise
    except Face2MeshError as error:
        raise InputFileError(f"{path}: {error}") from error


def _placement(fit: Fit) -> dict[str, object]:
    """From the head's frame to the mesh's (in mm, where its unit was told)."""
    place = fit.placement
    return {
        "scale": place.scale,
        "rotation": place.rotation.tolist(),
        "translation": place.translation.tolist(),
    }


def _millimetres(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of millimetres") from error
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value
