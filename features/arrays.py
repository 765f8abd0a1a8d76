"""Names for the numpy arrays of this project. Shapes stand in the docstrings that use them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]  # of any precision
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Integers = npt.NDArray[np.integer[Any]]  # of any size
Texts = npt.NDArray[np.str_]
