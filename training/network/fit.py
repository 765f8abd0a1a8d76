"""Fits a network on lazily cut windows, with early stopping on validation units and one log per epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.errors import ModelError
from config.sections.model import FitSection
from features.model_file.onnx_session import OUTPUTS, RUL
from training.data.dataset import LabelLimits
from training.network.batches import WindowDataset
from training.network.model import RMSE, compile_model
from training.quiet_tensorflow import keras

EpochLog = Mapping[str, float]
OnEpoch = Callable[[int, int, EpochLog], None]  # epoch from 1, epochs at most, log

TRAIN_LOSS: Final = "train_loss"
VALIDATION_LOSS: Final = "validation_loss"
TRAIN_RMSE: Final = "train_rmse"  # days or cycles, uncensored windows, with dropout on
VALIDATION_RMSE: Final = "validation_rmse"  # days or cycles, uncensored windows
_KERAS_NAMES: Final = {"loss": TRAIN_LOSS, "val_loss": VALIDATION_LOSS, f"{RUL}_{RMSE}": TRAIN_RMSE, f"val_{RUL}_{RMSE}": VALIDATION_RMSE}


@dataclass(frozen=True)
class FitResult:
    """Result of a fit. The model carries the weights of `best_epoch`, counted from 1."""

    history: list[EpochLog]  # one per epoch: train_loss, train_rmse, validation_loss, validation_rmse
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class FitData:
    """Batches to fit on, and batches that stop the fit."""

    train: WindowDataset
    validation: WindowDataset


def fit_model(
    model: keras.Model, data: FitData, fit: FitSection, labels: LabelLimits, seed: int, on_epoch: OnEpoch | None = None
) -> FitResult:
    """Fit `model` in place. `on_epoch` is called after each epoch, for progress and tracking.

    The same data and seed give the same weights on the same machine, to the last bit (docs/results/model.md). TensorFlow's CPU operations
    sum in a fixed order, and batches are cut one after the other. Its op determinism is off.
    Raises ModelError when there are no windows, or when the loss is not finite.
    """
    train, validation = data.train, data.validation
    if not len(train.index) or not len(validation.index):
        raise ModelError(
            f"{len(train.index)} training and {len(validation.index)} validation windows: both are needed; ingest more history"
        )
    keras.utils.set_random_seed(seed)
    compile_model(model, fit, labels, train.num_batches)
    logs = _EpochLogs(fit.epochs, on_epoch)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=fit.patience, restore_best_weights=True)
    started = time.perf_counter()
    model.fit(
        ForEveryHead(train),
        validation_data=ForEveryHead(validation),
        epochs=fit.epochs,
        shuffle=False,  # the dataset draws its own order
        callbacks=[stopping, keras.callbacks.TerminateOnNaN(), logs],
        verbose=0,
    )
    seconds = time.perf_counter() - started
    if not logs.history or any(value != value for value in logs.history[-1].values()):
        raise ModelError(f"the loss is not finite after {len(logs.history)} epochs; lower fit.learning_rate or check the features")
    return FitResult(logs.history, stopping.best_epoch + 1, seconds)


class ForEveryHead(keras.utils.PyDataset):
    """Hands the one label array [b, 2] to every head's loss."""

    def __init__(self, windows: WindowDataset) -> None:
        super().__init__()
        self._windows = windows

    @property
    def num_batches(self) -> int:
        return self._windows.num_batches

    def __getitem__(self, batch: int) -> tuple[Any, dict[str, Any]]:
        windows, labels = self._windows[batch]
        return windows, dict.fromkeys(OUTPUTS, labels)

    def on_epoch_end(self) -> None:
        self._windows.on_epoch_end()


class _EpochLogs(keras.callbacks.Callback):
    """Keeps and hands on the log of each epoch under the names of this module."""

    def __init__(self, epochs: int, on_epoch: OnEpoch | None) -> None:
        super().__init__()
        self.history: list[EpochLog] = []
        self._epochs = epochs
        self._on_epoch = on_epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        values = {ours: float((logs or {})[keras_name]) for keras_name, ours in _KERAS_NAMES.items()}
        self.history.append(values)
        if self._on_epoch is not None:
            self._on_epoch(epoch + 1, self._epochs, values)
