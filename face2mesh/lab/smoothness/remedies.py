"""What the sweep compares: the classical decoder, the penalty's weights, one remedy after the other, and ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from face2mesh.lab.nets.decoder import TrunkConfiguration
from face2mesh.lab.nets.local_decoder import LocalDecoderConfiguration
from face2mesh.lab.smoothness.decoder import Remedies
from face2mesh.lab.smoothness.objective import SweepWeights

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""Weights of mean ‖L·pred‖² (mm²) against a mean vertex distance of 1 mm: five decades."""
PLAIN, TRUNK, OURS, LOCAL = "plain", "trunk", "ours", "local"


@dataclass(frozen=True)
class Recipe:
    """A decoder and what it is taught by.

    Attributes:
        name: in the command, the results and the pictures.
        network: the classical decoder with what is changed, or one of the project's own.
        weights: of the objective.
        linear_base: the decoder adds to a linear map of the code (see `OnLinearBase`).
        learning_rate: of AdamW at its highest.
        longer: how many times as many steps as the others it gets.
    """

    name: str
    network: Remedies | TrunkConfiguration | LocalDecoderConfiguration = field(default_factory=Remedies)
    weights: SweepWeights = field(default_factory=SweepWeights)
    linear_base: bool = False
    learning_rate: float = 5e-3
    longer: int = 1

    def described(self) -> dict[str, Any]:
        """For provenance, and to know a finished run again."""
        return {"name": self.name, "kind": type(self.network).__name__, **asdict(self)}


def penalised(weight: float) -> Recipe:
    """The classical decoder with the founding prototype's penalty."""
    return Recipe(f"penalty-{weight:g}", weights=SweepWeights(smoothness=weight))


def penalised_trunk(weight: float) -> Recipe:
    """The packaged decoders' trunk with that penalty: a network that has detail to lose."""
    return Recipe(
        f"{TRUNK}-penalty-{weight:g}", TrunkConfiguration(), SweepWeights(smoothness=weight), learning_rate=3e-3
    )


SWEEP: tuple[Recipe, ...] = (Recipe(PLAIN), *(penalised(weight) for weight in PENALTIES))
TRUNK_SWEEP: tuple[Recipe, ...] = (
    Recipe(TRUNK, TrunkConfiguration(), learning_rate=3e-3),
    *(penalised_trunk(weight) for weight in PENALTIES),
)
OUR_RECIPE = Recipe(OURS, TrunkConfiguration(), SweepWeights(edges=1.0), linear_base=True, learning_rate=3e-3)
# The packaged expression decoder's network, for heads that move; features on about as many vertices as there.
LOCAL_RECIPE = Recipe(LOCAL, LocalDecoderConfiguration(level=2), SweepWeights(edges=1.0), learning_rate=2e-3)
REMEDIES: tuple[Recipe, ...] = (
    Recipe("laplacian-match", weights=SweepWeights(laplacian_match=10.0)),
    Recipe("edges", weights=SweepWeights(edges=1.0)),
    Recipe("scales", weights=SweepWeights(scales=1.0)),
    Recipe("normals", weights=SweepWeights(normals=1.0)),
    Recipe("differential", Remedies(differential=0.01)),
    Recipe("linear-base", Remedies(reading="zero"), linear_base=True),
    Recipe("skips", Remedies(skips=8)),
    Recipe("learned-unpooling", Remedies(learned_unpooling=True)),
    Recipe("zero-last", Remedies(reading="zero")),
    Recipe("vertexwise-last", Remedies(reading="vertexwise")),
    Recipe("wide-last", Remedies(widths=(32, 16, 16, 32))),
    Recipe("low-order", Remedies(orders=(2, 3, 6, 6))),
    Recipe("high-order", Remedies(orders=(10, 6, 6, 6))),
    Recipe("directional", Remedies(directional=True)),
    Recipe("plain-longer", longer=5),
)
