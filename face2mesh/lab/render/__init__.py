"""Pictures of heads for training: a compiled rasteriser, light with shadows (needs numba, in the extra `train`)."""
