"""Keras batches of windows, cut from one array of rows when Keras asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from features.arrays import Float32s
from features.windows import gather
from training.data.dataset import WindowIndex
from training.quiet_tensorflow import keras

Augment = Callable[[Float32s, np.random.Generator], Float32s]  # may work in place: a batch is a copy


LABEL_RUL: Final = 0  # columns of a label batch [n, 2]


LABEL_CENSORED: Final = 1


class WindowDataset(keras.utils.PyDataset):
    """Batches of (windows [b, steps, features], labels [b, 2]). With a seed, shuffled and augmented anew each epoch."""

    def __init__(
        self, values: Float32s, index: WindowIndex, steps: int, batch_size: int, seed: int | None = None, augment: Augment | None = None
    ) -> None:
        super().__init__()
        self.values = values
        self.index = index
        self.steps = steps
        self.batch_size = batch_size
        self._augment = augment
        self._random = None if seed is None else np.random.default_rng(seed)
        self._order = np.arange(len(index), dtype=np.int32)
        self.on_epoch_end()

    @property
    def num_batches(self) -> int:
        """Batches of one epoch; the last one may be smaller."""
        return -(-len(self.index) // self.batch_size)

    def __getitem__(self, batch: int) -> tuple[Float32s, Float32s]:
        which = self._order[batch * self.batch_size : (batch + 1) * self.batch_size]
        windows = gather(self.values, self.index.first_row[which], self.index.end[which], self.steps)
        if self._augment is not None and self._random is not None:
            windows = self._augment(windows, self._random)
        return windows, np.stack([self.index.rul[which], self.index.censored[which].astype(np.float32)], axis=1)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._random is not None:
            order = np.arange(len(self.index), dtype=np.int32)
            self._random.shuffle(order)
            self._order = order
