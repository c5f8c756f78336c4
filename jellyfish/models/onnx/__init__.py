"""Models that users bring: a folder with `model.toml` and ONNX files (docs/onnx.md), run by onnxruntime."""
