"""Scans of heads, in any topology, onto the base head."""
