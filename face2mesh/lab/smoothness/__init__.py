"""The trade-off between smoothness and detail: one decoder, many penalties and remedies, measured on held-out heads."""
