"""A user's own sculpts, each with photos, as a data set to train on: begin, collect, render, read."""

from face2mesh.lab.dataset.dataset import Dataset, Heads, Views

__all__ = ["Dataset", "Heads", "Views"]
