"""The packaged model: photo to codes to vertices with ONNX Runtime."""
