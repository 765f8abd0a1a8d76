"""The reference of a model: a sample of its training fleet, to compare later fleets with.

    reference = make_reference(snapshots, config)      at training, from features and the model's own predictions
    content = reference.to_bytes()                     an .npz beside the model: 4 MB for 90 compressors and 120 days, 50 MB at most
    reference = Reference.from_bytes(content)          at every monitoring

The sample is whole compressors, not rows. Their differences from week to week show what happens by chance.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from config.errors import ModelError
from config.sections.monitoring import ReferenceSection
from features.arrays import Doubles, Float32s
from monitoring.drift.movements import Shifts, Windows, measure_shifts
from monitoring.drift.psi import bin_shares
from monitoring.drift.snapshots import COMPARED, FleetSnapshots

_FORMAT: Final = 1


@dataclass(frozen=True)
class Reference:
    """A sample of the training fleet with the fixed bins of its predicted lives."""

    snapshots: FleetSnapshots
    prediction_edges: Float32s  # [edges], days, ascending; the bins are below, between and above them

    def weeks(self, windows: Windows, warning_days: float, least: int) -> list[Shifts]:
        """The movements over every stretch as long as `windows.current`, newest first. Each has its own days before it.

        Stretches with fewer than `least` compressors are left out. A history of two lakes has some between them.
        """
        healthy = self.snapshots.healthy(warning_days)
        ends = range(healthy.shape[1], windows.total - 1, -windows.current)
        found = [measure_shifts(self.snapshots.values[:, :end], healthy[:, :end], windows) for end in ends]
        return [week for week in found if len(week.units) >= least]

    def prediction_weeks(self, snapshots: int, least: int) -> list[Doubles]:
        """`prediction_shares` of every stretch of `snapshots` with at least `least` compressors, newest first."""
        ends = range(self.snapshots.rul.shape[1], snapshots - 1, -snapshots)
        found = [self.prediction_shares(self.snapshots.rul[:, end - snapshots : end]) for end in ends]
        return [week for week in found if len(week) >= least]

    def prediction_shares(self, rul: Float32s) -> Doubles:
        """Shares of predicted lives [compressors, snapshots] in each bin -> [compressors with any, bins]."""
        shares = bin_shares(rul, self.prediction_edges)
        known: Doubles = shares[shares.sum(axis=1) > 0]
        return known

    def to_bytes(self) -> bytes:
        """The content of an .npz file."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            format=np.int64(_FORMAT),
            features=np.array(COMPARED),
            values=self.snapshots.values,
            rul=self.snapshots.rul,
            stride_hours=np.int64(self.snapshots.stride_hours),
            prediction_edges=self.prediction_edges,
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Reference:
        """Inverse of `to_bytes`. Raises ModelError when it is damaged or of another format or feature set."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays: Mapping[str, Any] = dict(stored)
            if int(arrays["format"]) != _FORMAT or tuple(arrays["features"]) != COMPARED:
                raise ModelError("the model's monitoring reference is of another format or feature set: train again")
            snapshots = FleetSnapshots(arrays["values"], arrays["rul"], int(arrays["stride_hours"]))
            if snapshots.values.shape != (*snapshots.rul.shape, len(COMPARED)):
                raise ValueError(f"{snapshots.values.shape} values and {snapshots.rul.shape} predictions do not belong together")
            return cls(snapshots, arrays["prediction_edges"])
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"the model's monitoring reference is damaged ({error}): train again") from error


def make_reference(snapshots: FleetSnapshots, config: ReferenceSection) -> Reference:
    """The reference of a model, from `snapshots` of its training fleet. Raises ModelError without a prediction."""
    units = np.arange(len(snapshots.rul))
    if len(units) > config.most_compressors:
        units = np.sort(np.random.default_rng(config.seed).choice(units, config.most_compressors, replace=False))
    kept = FleetSnapshots(snapshots.values[units], snapshots.rul[units], snapshots.stride_hours).newest(
        config.most_days * 24 // snapshots.stride_hours
    )
    predicted = kept.rul[~np.isnan(kept.rul)]
    if not len(predicted):
        raise ModelError("the training fleet gives no prediction to compare later ones with: ingest more history")
    return Reference(kept, np.unique(np.quantile(predicted, config.prediction_quantiles).astype(np.float32)))


REFERENCE_FILE: Final = "monitoring/reference.npz"  # artifact of the run that a version came from
