"""The statistical skin of the texture room, learnt from photos."""
