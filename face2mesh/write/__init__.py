"""One file a format: OBJ, PLY, STL, GLB, NPZ, JSON."""
