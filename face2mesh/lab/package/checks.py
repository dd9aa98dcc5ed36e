"""The three networks of a model, exported and compared with the originals."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from face2mesh.errors import Face2MeshError
from face2mesh.lab.nets.encoder import CROP_SIZE, EXPRESSIONS, Encoder
from face2mesh.lab.package.export import (
    LARGEST_DIFFERENCE_MM,
    LARGEST_DIFFERENCE_OF_CODES,
    differences,
    export_network,
)
from face2mesh.model.manifest import ENCODER_FILE, EXPRESSION_DECODER_FILE, IDENTITY_DECODER_FILE

SEED = 0


def names_of(encoder: Encoder, inputs: dict[str, torch.Tensor]) -> list[str]:
    """Of everything that the encoder says; the runtime leaves alone what it does not know."""
    with torch.no_grad():
        return [*encoder.eval()(*inputs.values())]


def export_checked(
    encoder: Encoder, identity_decoder: nn.Module, expression_decoder: nn.Module, batch: int
) -> tuple[tuple[bytes, bytes, bytes], dict[str, Any], dict[str, float]]:
    """Export the networks and compare each with its original on random inputs.

    Args:
        encoder: crops (B, 3, 128, 128) to named outputs.
        identity_decoder: (B, M) to skins (B, S, 3) mm.
        expression_decoder: (B, M) and (B, 52) to displacements (B, S, 3) mm.
        batch: B of the comparison; another batch size than the export's, so that a frozen one shows.

    Returns:
        The three files' bytes; the manifest's normalisation; output name to largest difference (mm for vertices,
        relative for codes).

    Raises:
        Face2MeshError: an exported network says something else than the original.
    """
    configuration = encoder.configuration
    modes = configuration.identity_size
    generator = torch.Generator().manual_seed(SEED)

    def picture(count: int) -> dict[str, torch.Tensor]:
        return {"crop": torch.rand(count, 3, CROP_SIZE, CROP_SIZE, generator=generator)}

    def people(count: int) -> dict[str, torch.Tensor]:
        return {"identity": torch.randn(count, modes, generator=generator)}

    def moving_people(count: int) -> dict[str, torch.Tensor]:
        return {**people(count), "expression": torch.rand(count, EXPRESSIONS, generator=generator)}

    files: list[bytes] = []
    found: dict[str, float] = {}
    for file, network, inputs, outputs in (
        (ENCODER_FILE, encoder, picture, names_of(encoder, picture(1))),
        (IDENTITY_DECODER_FILE, identity_decoder, people, ["neutral"]),
        (EXPRESSION_DECODER_FILE, expression_decoder, moving_people, ["displacement"]),
    ):
        network.eval()
        content = export_network(network, inputs(2), outputs, fixed_point=file != ENCODER_FILE)
        for count in (1, batch):
            for name, (absolute, relative) in differences(network, content, inputs(count), outputs).items():
                value, limit, unit = (
                    (relative, LARGEST_DIFFERENCE_OF_CODES, "")
                    if file == ENCODER_FILE
                    else (absolute, LARGEST_DIFFERENCE_MM, " mm")
                )
                # "not below" rather than "above", so that NaN does not pass.
                if not value <= limit:
                    raise Face2MeshError(
                        f"{file}: the exported network's {name} differs by {value:.2g}{unit} from the original's, "
                        f"more than {limit:g}{unit}; nothing was written. Report the versions of torch and onnxruntime."
                    )
                found[name] = max(value, found.get(name, 0.0))
        files.append(content)
    normalisation = {
        "crop_size": CROP_SIZE,
        "crop_values": "RGB, 0 to 1",
        "mean": list(configuration.mean),
        "deviation": list(configuration.deviation),
        "identity_size": modes,
        "identity": "whitened: one standard deviation of the corpus's people is 1",
        "lengths": "mm",
    }
    return (files[0], files[1], files[2]), normalisation, found
