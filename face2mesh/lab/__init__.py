"""The laboratory: everything that makes a model. It may import torch; the runtime never imports it."""
