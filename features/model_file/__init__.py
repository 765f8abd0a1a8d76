"""What travels in an ONNX file and how it is opened; fitting it belongs in `training`."""
