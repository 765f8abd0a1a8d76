"""The program of an exported folder, with numpy and onnxruntime alone. Writing the folder belongs in `pipelines/edge`."""
