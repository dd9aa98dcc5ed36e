"""Any folder of face photos becomes training data: MediaPipe's 478 points on each, in one file."""
