"""Opens and runs an exported RUL model with ONNX Runtime, inside the process.

The export check, the benchmark, the evaluation and the hourly scoring all use this class. So they measure the
model that is served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from config.errors import ModelError
from features.arrays import Float32s, Ints
from features.model_file import quantile_levels as levels
from features.model_file import weibull_lifetime as ageing
from features.model_file.onnx_session import INPUT, OUTPUTS, open_session
from features.model_file.quantile_levels import NOMINAL, Levels
from features.model_file.weibull_lifetime import Ageing
from features.windows import gather

ReadT = TypeVar("ReadT")

CALIBRATION_LAYER: Final = "calibrate"  # in the names of the nodes that calibrate, in a graph that does


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for n windows.

    Every array is [n] float32, and rul_lower <= rul <= rul_upper.
    """

    rul: Float32s
    rul_lower: Float32s
    rul_upper: Float32s
    failure_probability: Float32s

    def __len__(self) -> int:
        return len(self.rul)


class OnnxModel:
    """An inference session with the input `windows` and the four outputs of `OUTPUTS`."""

    def __init__(self, source: Path | bytes, threads: int) -> None:
        """Open a model from a file or from its bytes.

        Raises ModelError when it cannot be read, or has other inputs or outputs.
        """
        where = source if isinstance(source, Path) else "the ONNX model in memory"
        try:
            self._session = open_session(str(source) if isinstance(source, Path) else source, threads)
        except Exception as error:  # ONNX Runtime raises a family of its own without a public base
            raise ModelError(f"{where}: cannot be opened as an ONNX model ({type(error).__name__}); train and register it again") from error
        inputs = self._session.get_inputs()
        outputs = {output.name for output in self._session.get_outputs()}
        if [item.name for item in inputs] != [INPUT] or not outputs.issuperset(OUTPUTS):
            raise ModelError(f"{where}: lacks the input {INPUT!r} or one of the outputs {', '.join(OUTPUTS)}; train and register it again")
        _, self.steps, self.features = inputs[0].shape
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.levels: Levels = _read(metadata, levels.METADATA_KEY, Levels.from_json, where) or NOMINAL
        self.ageing: Ageing | None = _read(metadata, ageing.METADATA_KEY, Ageing.from_json, where)

    def predict(self, windows: Float32s) -> Predictions:
        """Predict for [n, steps, features] windows; n may be 0.

        Raises ModelError when the shape is not the model's.
        """
        if windows.ndim != 3 or windows.shape[1:] != (self.steps, self.features):
            raise ModelError(f"windows have shape {windows.shape}, the model takes [n, {self.steps}, {self.features}]; build them again")
        if not len(windows):
            return Predictions(*(np.empty(0, np.float32) for _ in OUTPUTS))
        return Predictions(*self._session.run(list(OUTPUTS), {INPUT: np.ascontiguousarray(windows, np.float32)}))

    def predict_rows(self, values: Float32s, first_row_of_unit: Ints, ends: Ints, batch_size: int) -> Predictions:
        """Predict for the windows that end at `ends` (see `features.windows.gather`).

        `batch_size` windows are in memory at a time.
        """
        parts = [
            self.predict(gather(values, first_row_of_unit[start : start + batch_size], ends[start : start + batch_size], self.steps))
            for start in range(0, max(len(ends), 1), batch_size)
        ]
        return Predictions(*(_joined([getattr(part, name) for part in parts]) for name in OUTPUTS))


def _read(metadata: Mapping[str, str], key: str, read: Callable[[str], ReadT], where: Path | str) -> ReadT | None:
    """The value of the metadata under `key`. None if the file has no such key."""
    if key not in metadata:
        return None
    try:
        return read(metadata[key])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: its metadata {key} cannot be read ({error}); train and register it again") from error


def _joined(arrays: list[npt.NDArray[np.float32]]) -> Float32s:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
