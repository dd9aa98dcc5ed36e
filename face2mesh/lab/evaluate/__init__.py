"""Measures of the packaged model."""
