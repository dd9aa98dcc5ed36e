"""Identity and expression spaces on the base head, and the sampler of heads."""
