"""The result: a face with its camera, pose, landmarks and expression."""
