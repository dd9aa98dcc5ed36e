"""Contact of whole heads: what the base head's lids and lips are made of, in one file of the model.

Letters: B heads, V vertices, S skin vertices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from face2mesh.contact.closing import LipClosing
from face2mesh.contact.lids import Lids
from face2mesh.contact.lining import Lining
from face2mesh.contact.lips import Lips
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "contact"
VERSION = 1
MADE_BY = "face2mesh lab package"


@dataclass(frozen=True, eq=False)
class Contact:
    """What touches what on heads of one topology.

    Attributes:
        lids: of both eyes.
        lips: with teeth and tongue.
        closing: how `mouthClose` closes the lips.
        lining: of the mouth, behind the face.
    """

    lids: Lids
    lips: Lips
    closing: LipClosing
    lining: Lining

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance (see `store.provenance`); indices take 16 bits."""
        arrays = {}
        for part in fields(self):
            whole = getattr(self, part.name)
            for field in fields(whole):
                values = np.asarray(getattr(whole, field.name))
                kind = np.uint16 if values.dtype.kind in "iu" else np.float32
                arrays[f"{part.name}_{field.name}"] = values.astype(kind)
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path) -> Contact:
        """Read what `save` wrote.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "valid contact", MADE_BY):
            return cls(*(_part(kind, name, arrays) for name, kind in _PARTS.items()))


_PARTS: Mapping[str, Any] = {"lids": Lids, "lips": Lips, "closing": LipClosing, "lining": Lining}


def _part(kind: Any, name: str, arrays: Mapping[str, Any]) -> Any:
    values = {}
    for field in fields(kind):
        stored = arrays[f"{name}_{field.name}"]
        values[field.name] = stored.astype(np.int32 if stored.dtype.kind == "u" else np.float64)
    return kind(**values)
