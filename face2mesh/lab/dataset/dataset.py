"""The data set of one user: sculpts on one template, and photos or renderings of them with camera and pose.

A folder holds `template.npz` (a base head), `dataset.npz` (heads and photos, by `face2mesh dataset collect`) and, where
heads were rendered, `rendered.npz` (by `face2mesh render`). See docs/datasets.md.

Letters: N heads, P people, V vertices of the template, K views, D = 468 dense points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.face import Camera, Pose
from face2mesh.head import BaseHead
from face2mesh.store import read_arrays, refusal_of, sha256, write_arrays

KIND, RENDERED_KIND, VERSION = "dataset", "dataset-renderings", 1
TEMPLATE_FILE, DATASET_FILE, RENDERED_FILE = "template.npz", "dataset.npz", "rendered.npz"
SCULPTS, PHOTOS, RENDERED = "sculpts", "photos", "rendered"
"""Folders of a data set."""
DENSE = 468
"""D, MediaPipe's points on the surface."""

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]
Texts = NDArray[np.str_]
Table = TypeVar("Table", bound="_Table")


class _Table:
    """Arrays with one row for each thing."""

    def __len__(self) -> int:
        """How many rows."""
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    def rows(self: Table, chosen: Any) -> Table:
        """Some of the rows: a mask, numbers or a slice."""
        return type(self)(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})  # type: ignore[arg-type]

    def joined(self: Table, other: Table) -> Table:
        """These rows and then the other's."""
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Name to array, as a file holds them."""
        return {prefix + field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def of(cls: type[Table], arrays: Mapping[str, NDArray[Any]], prefix: str) -> Table:
        """The inverse of `arrays`; raises KeyError or ValueError where arrays are missing or do not match."""
        return cls(**{field.name: arrays[prefix + field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def _check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        count = len(self)
        for field in fields(self):  # type: ignore[arg-type]
            array = getattr(self, field.name)
            expected = (count, *shapes.get(field.name, ()))
            if array.shape != expected:
                raise ValueError(f"{field.name} is {array.shape}, expected {expected}")


@dataclass(frozen=True, eq=False)
class Heads(_Table):
    """Sculpts.

    Attributes:
        vertices: (N, V, 3) float32, mm, the head's frame; all of the template's vertices.
        name: (N,) "anna", or "anna-smile" for one with an expression.
        person: (N,) "anna", what stands before the first hyphen.
        expression: (N,) "smile", what stands behind it; "" is neutral.
        source: (N,) the file in the data set's folder, with "/"; behind "#" the object's name in a .blend.
        sha256: (N,) of that file's bytes.
    """

    vertices: Floats
    name: Texts
    person: Texts
    expression: Texts
    source: Texts
    sha256: Texts

    def __post_init__(self) -> None:
        """Check the shapes; raises ValueError."""
        self._check({"vertices": self.vertices.shape[1:]})
        if self.vertices.ndim != 3 or self.vertices.shape[2] != 3:
            raise ValueError("vertices must be (N, V, 3)")

    @classmethod
    def none(cls, vertex_count: int) -> Heads:
        """No heads."""
        empty = np.zeros(0, np.str_)
        return cls(np.zeros((0, vertex_count, 3), np.float32), empty, empty, empty, empty, empty)

    @property
    def neutral(self) -> NDArray[np.bool_]:
        """(N,) whether a head has no expression."""
        neutral: NDArray[np.bool_] = self.expression == ""
        return neutral

    @property
    def digests(self) -> list[str]:
        """N hashes of the vertices: a view belongs to one shape of its head."""
        return [digest_of(vertices) for vertices in self.vertices]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """N names with their digests."""
        return list(zip(self.name.tolist(), self.digests, strict=True))


@dataclass(frozen=True, eq=False)
class Views(_Table):
    """Photos and renderings of the heads, each with its camera and pose.

    Attributes:
        photo: (K,) file in the data set's folder, with "/".
        photo_sha256: (K,) of its bytes.
        head: (K,) int32, row of `Heads`.
        size: (K, 2) int32, width and height of the upright picture.
        box: (K, 4) float32, x, y, width and height of the face's box (see `face2mesh.photo.Box`), pixels.
        camera: (K, 4) float64, fx, fy, cx, cy, pixels.
        focal_source: (K,) "exif", "default", "solved" or "exact".
        rotation: (K, 3, 3) float64; X_cam = R · X_head + t.
        translation: (K, 3) float64, mm.
        points: (K, 468, 2) float32, pixels: where the dense points are seen, NaN where that is not known.
        light: (K, 9, 3) float32, factors of `face2mesh.draw.light.harmonics`, NaN where that is not known.
        marked_by: (K,) what saw the points.
        residual: (K,) float32, mean distance of the points to the head's own, in face boxes; 0 where exact.
        exact: (K,) bool, whether the truth is known because the picture was made from it.
    """

    photo: Texts
    photo_sha256: Texts
    head: Indices
    size: Indices
    box: Floats
    camera: NDArray[np.float64]
    focal_source: Texts
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    points: Floats
    light: Floats
    marked_by: Texts
    residual: Floats
    exact: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check the shapes; raises ValueError."""
        shapes = {"size": (2,), "box": (4,), "camera": (4,), "rotation": (3, 3), "translation": (3,)}
        self._check({**shapes, "points": (DENSE, 2), "light": (9, 3)})

    @classmethod
    def none(cls) -> Views:
        """No views."""
        return cls.of_rows([])

    @classmethod
    def of_rows(cls, rows: list[dict[str, Any]]) -> Views:
        """Views of one dictionary each, with the attributes' names."""
        kinds: dict[str, tuple[Any, tuple[int, ...]]] = {
            "photo": (np.str_, ()),
            "photo_sha256": (np.str_, ()),
            "head": (np.int32, ()),
            "size": (np.int32, (2,)),
            "box": (np.float32, (4,)),
            "camera": (np.float64, (4,)),
            "focal_source": (np.str_, ()),
            "rotation": (np.float64, (3, 3)),
            "translation": (np.float64, (3,)),
            "points": (np.float32, (DENSE, 2)),
            "light": (np.float32, (9, 3)),
            "marked_by": (np.str_, ()),
            "residual": (np.float32, ()),
            "exact": (np.bool_, ()),
        }
        arrays = {
            name: np.array([row[name] for row in rows], kind).reshape(len(rows), *shape)
            for name, (kind, shape) in kinds.items()
        }
        return cls(**arrays)

    def camera_of(self, row: int) -> Camera:
        """The camera of a view."""
        fx, fy, cx, cy = self.camera[row].tolist()
        width, height = self.size[row].tolist()
        return Camera(fx, fy, cx, cy, width, height, str(self.focal_source[row]))

    def pose_of(self, row: int) -> Pose:
        """The pose of a view's head."""
        return Pose(self.rotation[row], self.translation[row])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Heads on one template, and views of them. Valid from birth.

    Attributes:
        folder: where its files are.
        template: its topology and rest shape; a user's own has all its vertices in the part "skin".
        heads: the sculpts.
        views: photos first, then renderings.
        held_out: (P,) names of the people whom training may not see, sorted.
    """

    folder: Path
    template: BaseHead
    heads: Heads
    views: Views
    held_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts belong together.

        Raises:
            ValueError: vertices of another template, a view of no head, or held-out people without a head.
        """
        if self.heads.vertices.shape[1:] != self.template.vertices.shape:
            raise ValueError(f"heads have {self.heads.vertices.shape[1]} vertices, the template has others")
        rows = self.views.head
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self.heads):
            raise ValueError("a view points outside the heads")
        if not set(self.held_out) <= set(self.people):
            raise ValueError("a held-out person has no head")

    @cached_property
    def people(self) -> tuple[str, ...]:
        """The people's names, sorted."""
        return tuple(sorted(set(self.heads.person.tolist())))

    def head_held_out(self) -> NDArray[np.bool_]:
        """(N,) whether a head is of a held-out person."""
        return np.isin(self.heads.person, self.held_out)

    def view_held_out(self) -> NDArray[np.bool_]:
        """(K,) whether a view shows a held-out person."""
        return self.head_held_out()[self.views.head]

    def pairs(self, chosen: Any = slice(None)) -> dict[str, NDArray[Any]]:
        """Some of the views as training pairs (see `face2mesh.lab.dataset.pairs.pairs_of`)."""
        from face2mesh.lab.dataset.pairs import pairs_of

        return pairs_of(self, np.arange(len(self.views))[chosen])

    def save(self, origin: Mapping[str, Any]) -> None:
        """Write `dataset.npz`: heads and the views that are photos; renderings have a file of their own.

        Args:
            origin: what `provenance` gave.

        Raises:
            OutputError: the folder cannot be written.
        """
        photos = self.views.rows(~self.views.exact)
        arrays = {**self.heads.arrays("head_"), **photos.arrays("view_"), "held_out": np.array(self.held_out, np.str_)}
        whole = {"template_sha256": np.array(sha256(self.folder / TEMPLATE_FILE))}
        write_arrays(self.folder / DATASET_FILE, KIND, VERSION, {**arrays, **whole}, origin)

    def save_rendered(self, origin: Mapping[str, Any]) -> None:
        """Write `rendered.npz`: the views that are renderings, and the shape that each head had.

        Raises:
            OutputError: the folder cannot be written.
        """
        rendered = self.views.rows(self.views.exact)
        names = {"head_name": self.heads.name, "head_digest": np.array(self.heads.digests, np.str_)}
        arrays = {**rendered.arrays("view_"), **names}
        write_arrays(self.folder / RENDERED_FILE, RENDERED_KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read a data set, its renderings included; those of heads that have changed since are left out.

        Raises:
            InputFileError: no data set, damaged, of another version, or its template was exchanged.
        """
        made_by = f"face2mesh dataset collect {folder}"
        path = folder / DATASET_FILE
        arrays, _ = read_arrays(path, KIND, VERSION, made_by)
        template = load_template(folder)
        if str(arrays.get("template_sha256")) != sha256(folder / TEMPLATE_FILE):
            raise InputFileError(f"{path}: was made with another template.npz; run `{made_by}` again.")
        with refusal_of(path, "a valid data set", made_by):
            heads, views = Heads.of(arrays, "head_"), Views.of(arrays, "view_")
            views = views.joined(_rendered(folder, heads))
            return cls(folder, template, heads, views, tuple(arrays["held_out"].tolist()))


def load_template(folder: Path) -> BaseHead:
    """The template of a data set's folder.

    Raises:
        InputFileError: the folder was not made by `face2mesh dataset init`, or the template is damaged.
    """
    return BaseHead.load(folder / TEMPLATE_FILE, f"face2mesh dataset init {folder}")


def digest_of(vertices: Floats) -> str:
    """SHA-256 of the vertices' bytes."""
    return hashlib.sha256(np.ascontiguousarray(vertices, "<f4").tobytes()).hexdigest()


def _rendered(folder: Path, heads: Heads) -> Views:
    """The renderings of heads that are still as they were then."""
    path = folder / RENDERED_FILE
    if not path.exists():
        return Views.none()
    arrays, _ = read_arrays(path, RENDERED_KIND, VERSION, f"face2mesh render {folder}")
    views = Views.of(arrays, "view_")
    return of_heads(views, list(zip(arrays["head_name"].tolist(), arrays["head_digest"].tolist(), strict=True)), heads)


def of_heads(views: Views, then: Sequence[tuple[str, str]], now: Heads) -> Views:
    """The views of heads that are still as they were, with their rows now.

    Args:
        views: whose `head` are rows of `then`.
        then: name and digest of each head.
        now: the heads.
    """
    row_of = {key: row for row, key in enumerate(now.keys)}
    rows = np.array([row_of.get(then[row], -1) for row in views.head.tolist()], np.int32)
    return replace(views, head=rows).rows(rows >= 0)
