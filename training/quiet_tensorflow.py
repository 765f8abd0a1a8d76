"""TensorFlow, Keras and tf2onnx, imported without their banners. Other modules import them from here, and only from here.

The environment wins over the quiet defaults. TensorFlow 2.21 writes some lines before it reads TF_CPP_MIN_LOG_LEVEL. So stderr's
descriptor is redirected while it loads. Python errors still appear.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from config.logs import native_output_to

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # errors of the C++ core only
    "CUDA_VISIBLE_DEVICES": "-1",  # the network is small: two cores fit it, and no driver is looked for
    "KERAS_BACKEND": "tensorflow",
}

for _name, _value in _QUIET.items():
    os.environ.setdefault(_name, _value)
with native_output_to(Path(os.devnull)):
    import keras as keras
    import tensorflow as tf
    import tf2onnx as tf2onnx

    tf.config.list_physical_devices()
for _name in ("tensorflow", "absl", "tf2onnx"):
    logging.getLogger(_name).setLevel(logging.ERROR)

layers, ops = keras.layers, keras.ops

__all__ = ["keras", "layers", "ops", "tf", "tf2onnx"]
