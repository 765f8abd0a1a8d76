"""Brings TensorFlow up without its banners; call it before the first import of `training.network.model`, `fit`, `dataset` or `export`."""

from __future__ import annotations

import importlib
import logging
import os
from pathlib import Path

from config.logs import native_output_to

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # errors of the C++ core only
    "CUDA_VISIBLE_DEVICES": "-1",  # the network is small: two cores fit it, and no driver is looked for
    "KERAS_BACKEND": "tensorflow",
}


def load_tensorflow() -> None:
    """Import TensorFlow, Keras and tf2onnx, silencing the lines their C++ core writes while it loads; Python errors still come through.

    The environment wins over the quiet defaults. TensorFlow 2.21 writes some lines before it reads TF_CPP_MIN_LOG_LEVEL, so the
    descriptor of stderr is turned away while it loads.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with native_output_to(Path(os.devnull)):
        for module in ("tensorflow", "keras", "tf2onnx"):
            importlib.import_module(module)
        importlib.import_module("tensorflow").config.list_physical_devices()
    for name in ("tensorflow", "absl", "tf2onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
