"""The program of an exported folder, with numpy and onnxruntime alone; writing the folder belongs in `pipelines/edge`."""
