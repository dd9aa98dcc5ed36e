"""Configuration, objective, loop and checkpoints."""
