"""Laplacians, Chebyshev convolution, quadric pooling and the mesh hierarchy."""
