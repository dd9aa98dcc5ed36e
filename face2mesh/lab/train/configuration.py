"""Typed configurations of a training run, read from TOML."""

from __future__ import annotations

import dataclasses
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from face2mesh.errors import InputFileError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Configuration = TypeVar("Configuration")


@dataclass(frozen=True)
class Optimisation:
    """How long and how fast.

    Attributes:
        steps: of the optimiser in the whole run; the learning rate rises over `warmup` and falls as half a cosine to 0.
        batch: samples a step.
        learning_rate: of AdamW at its highest.
        weight_decay: of AdamW.
        warmup: steps.
        gradient_norm: gradients are scaled down to this norm.
        average: decay a step of the weights' moving average, which is what the packaged model gets.
        precision: "float32" or "bfloat16" (matrix products and convolutions only).
        device: "cpu" or "cuda".
        workers: processes of one thread that share each batch (CPU only); each batch depends on their number.
        seed: of initialisation and of all samples; with the step number it fixes each batch.
        checkpoint_every: steps.
        log_every: steps.
    """

    steps: int = 10_000
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup: int = 200
    gradient_norm: float = 5.0
    average: float = 0.999
    precision: str = "float32"
    device: str = "cpu"
    workers: int = 1
    seed: int = 0
    checkpoint_every: int = 500
    log_every: int = 50

    def __post_init__(self) -> None:
        """Refuse what no run can mean."""
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is float32 or bfloat16, not {self.precision}")
        if self.steps < 1 or self.workers < 1 or self.batch < self.workers:
            raise ValueError("steps and workers are at least 1, and a batch has a sample for each worker")
        if self.workers > 1 and self.device != "cpu":
            raise ValueError("several workers are for the CPU; one trains on a GPU")


@dataclass(frozen=True)
class DecoderWeights:
    """Weights of the decoders' objective; a term with weight 0 is not computed.

    Attributes:
        vertices: mean distance, mm.
        edges: mean change of the edge vectors, mm.
        smoothness: mean ‖L·prediction‖², mm²: the founding prototype's penalty, which flattens detail with noise.
        laplacian_match: mean ‖L·(prediction − truth)‖², mm².
    """

    vertices: float = 1.0
    edges: float = 1.0
    smoothness: float = 0.0
    laplacian_match: float = 0.0


@dataclass(frozen=True)
class EncoderWeights:
    """Weights of the encoder's objective, each term logged by name.

    Attributes:
        places: distance of the dense points that the encoder sees to the given ones, relative to the face box.
        coarse_places: the same before the features at them were looked at.
        points: the same of the projected head's dense points.
        landmarks: the same over the 68 alone.
        neutral: root-mean-square distance of the neutral heads over face and ears, 10 mm.
        expression: the same of the expression's displacement, 10 mm.
        identity: squared difference of the codes.
        rotation: squared Frobenius distance.
        scale: absolute difference of `log_scale`.
        light: squared difference of the spherical harmonics (rendered heads only).
        prior: squared identity codes.
        uncertainty: negative log-likelihood of the landmarks' residuals, which are not changed by it.
        photo_codes: factor on expression, rotation and scale where the truth is a photo's fit.
        photo_identity: factor on neutral and identity there; fits of landmarks hardly tell a head's depth.
    """

    places: float = 30.0
    coarse_places: float = 10.0
    points: float = 10.0
    landmarks: float = 10.0
    neutral: float = 8.0
    expression: float = 8.0
    identity: float = 0.1
    rotation: float = 2.0
    scale: float = 2.0
    light: float = 0.1
    prior: float = 0.01
    uncertainty: float = 0.02
    photo_codes: float = 0.3
    photo_identity: float = 0.1


@dataclass(frozen=True)
class Augmentation:
    """How training crops are disturbed.

    Attributes:
        shift: standard deviation of the crop's centre, in sides.
        scale: standard deviation of the logarithm of its side.
        turn_degrees: standard deviation of the turn in the picture's plane.
        colour: standard deviation of gains by channel and of the gamma's logarithm.
        grey: probability that the picture loses its colours.
        blur: probability that it is made coarser.
        noise: highest standard deviation of pixel noise, of 0 to 1.
        cover: probability that a rectangle hides a part of the face.
    """

    shift: float = 0.035
    scale: float = 0.06
    turn_degrees: float = 9.0
    colour: float = 0.12
    grey: float = 0.08
    blur: float = 0.2
    noise: float = 0.05
    cover: float = 0.2


@dataclass(frozen=True)
class DecoderTraining:
    """A run of `face2mesh lab train decoders`.

    Attributes:
        optimisation: how long and how fast.
        weights: of the objective.
        identity_decoder, expression_decoder: arguments of `LocalDecoderConfiguration`.
        spread: standard deviation of the identity codes that are drawn; above 1, so that the tails are learnt too.
        corpus: "linear" or "moving".
        identity: whether the identity decoder is taught too; if not, it stays as it starts: the corpus's modes.
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    weights: DecoderWeights = field(default_factory=DecoderWeights)
    identity_decoder: dict[str, Any] = field(default_factory=dict)
    expression_decoder: dict[str, Any] = field(default_factory=dict)
    spread: float = 1.2
    corpus: str = "linear"
    identity: bool = True

    def __post_init__(self) -> None:
        """Refuse a corpus that does not exist."""
        if self.corpus not in ("linear", "moving"):
            raise ValueError(f"corpus is linear or moving, not {self.corpus}")


@dataclass(frozen=True)
class EncoderTraining:
    """A run of `face2mesh lab train encoder`.

    Attributes:
        optimisation: how long and how fast.
        weights: of the objective.
        augmentation: of the crops.
        encoder: arguments of `EncoderConfiguration`.
        rendered_share: which part of a batch are rendered heads.
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    weights: EncoderWeights = field(default_factory=EncoderWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    encoder: dict[str, Any] = field(default_factory=dict)
    rendered_share: float = 0.5


@dataclass(frozen=True)
class DetectorWeights:
    """Weights of the detector's objective.

    Attributes:
        score: focal cross-entropy over all cells, for each cell that holds a face's middle.
        place: distance of the boxes' middles, in box sides.
        size: absolute difference of the logarithms of width and height.
        tilt: squared distance of (cosine, sine).
    """

    score: float = 1.0
    place: float = 2.0
    size: float = 1.0
    tilt: float = 0.3


@dataclass(frozen=True)
class DetectorTraining:
    """A run of `face2mesh lab train detector`.

    Attributes:
        optimisation: how long and how fast.
        weights: of the objective.
        detector: arguments of `DetectorConfiguration`.
        composition: arguments of `Composition`.
        picture: side of the training pictures in pixels, a multiple of 16.
        held_faces: how many of FairFace's training photos, the last ones, are kept for choosing thresholds.
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    weights: DetectorWeights = field(default_factory=DetectorWeights)
    detector: dict[str, Any] = field(default_factory=dict)
    composition: dict[str, Any] = field(default_factory=dict)
    picture: int = 112
    held_faces: int = 1000


@dataclass(frozen=True)
class TogetherTraining:
    """A run of `face2mesh lab train all`.

    Attributes:
        optimisation: how long and how fast.
        encoder_weights: of the encoder's terms.
        decoder_weights: of the terms between skins.
        augmentation: of the crops.
        rendered_share: which part of a batch are rendered heads.
        whole_heads: how many rendered heads, and how many photos, of a worker's share are decoded in each step.
        whole_vertices: factor on the terms of decoded rendered heads.
        whole_points: distance of decoded heads' dense points to the given ones, relative to the face box.
        corpus_heads: heads that each worker draws from the corpus in each step, so that the decoders keep it.
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    encoder_weights: EncoderWeights = field(default_factory=EncoderWeights)
    decoder_weights: DecoderWeights = field(default_factory=DecoderWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    rendered_share: float = 0.5
    whole_heads: int = 2
    whole_vertices: float = 0.5
    whole_points: float = 10.0
    corpus_heads: int = 4


def read_configuration(path: Path, kind: type[Configuration]) -> Configuration:
    """Read a TOML file into a dataclass.

    Raises:
        InputFileError: not there, no TOML, or a name or value that the configuration does not know.
    """
    try:
        with open(path, "rb") as file:
            return _build(kind, tomllib.load(file))
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: no such configuration; the ones at hand are in configurations/.") from error
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: not a valid configuration ({error}); mend that line.") from error


def _build(kind: type[Configuration], values: dict[str, Any]) -> Configuration:
    types = typing.get_type_hints(kind)
    unknown = values.keys() - types.keys()
    if unknown:
        raise ValueError(f"{kind.__name__} knows no {', '.join(sorted(unknown))}")
    return kind(
        **{
            name: _build(types[name], value) if dataclasses.is_dataclass(types[name]) else value
            for name, value in values.items()
        }
    )
