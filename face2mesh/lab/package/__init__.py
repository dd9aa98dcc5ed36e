"""From a checkpoint to the packaged model."""
