"""Evidently: the HTML page of one comparison, and its default verdict for comparison."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from config.sections.monitoring import MonitoringConfig
from features.arrays import Doubles
from monitoring.drift.movements import fit_windows, measure_shifts
from monitoring.drift.reference import Reference
from monitoring.drift.snapshots import COMPARED, FleetSnapshots
from monitoring.statistics.nan_median import median

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of Evidently's own sources, while they are read
    from evidently import Report
    from evidently.presets import DataDriftPreset

PREDICTION: Final = "predicted_rul_days"
_COUNT: Final = "evidently:metric_v2:DriftedColumnsCount"


def write_report(file: Path, reference: Reference, current: FleetSnapshots, config: MonitoringConfig, warning_days: float) -> bool:
    """Write the page: movements of each feature by compressor, week by week, and median predicted lives.

    Its drift test is KS at the level of the decision, corrected for the number of columns. Columns that cannot be compared are left
    out. Returns whether there were any columns.
    """
    past, now = report_frames(reference, current, config, warning_days)
    if not len(past.columns):
        return False
    level = config.decision.false_drift_share.value / len(past.columns)
    file.parent.mkdir(parents=True, exist_ok=True)
    _run_preset(now, past, method="ks", threshold=level).save_html(str(file))
    return True


@dataclass(frozen=True)
class PresetVerdict:
    """The default verdict of Evidently's DataDriftPreset: drifted columns, and dataset drift from half of them on."""

    drifted: list[str]
    columns: int
    share: float
    dataset_drift: bool


def compare_by_preset(now: pd.DataFrame, past: pd.DataFrame) -> PresetVerdict:
    """DataDriftPreset with nothing set: above 1000 reference rows the normed Wasserstein distance from 0.1 on, otherwise KS at 5 %."""
    drifted, columns, share, limit = [], 0, 0.0, 0.0
    for metric in _run_preset(now, past).dict()["metrics"]:
        config, value = metric["config"], metric["value"]
        if config["type"] == _COUNT:
            share, limit = float(value["share"]), float(config["drift_share"])
        else:
            columns += 1
            by_p_value = config["method"].endswith("p_value")
            if value <= config["threshold"] if by_p_value else value >= config["threshold"]:
                drifted.append(config["column"])
    if len(drifted) != round(share * columns):
        raise RuntimeError(f"Evidently counts {share * columns:g} drifted columns, {len(drifted)} are beyond their threshold: {drifted}")
    return PresetVerdict(drifted, columns, share, share >= limit)


def raw_frame(snapshots: FleetSnapshots) -> pd.DataFrame:
    """Every snapshot as a row of features and prediction, without rows that have no reading."""
    rows = snapshots.values.reshape(-1, len(COMPARED))
    frame = pd.DataFrame(rows, columns=list(COMPARED)).assign(**{PREDICTION: snapshots.rul.ravel()})
    return frame[frame[list(COMPARED)].notna().any(axis=1)]


def _run_preset(now: pd.DataFrame, past: pd.DataFrame, **options: Any) -> Any:
    return Report([DataDriftPreset(**options)]).run(now, past)


def report_frames(
    reference: Reference, current: FleetSnapshots, config: MonitoringConfig, warning_days: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """At most `report.rows` rows of the reference, and those of the last days, with equal columns."""
    windows = fit_windows(config.windows, current.known, current.stride_hours)
    snapshots = min(current.known, config.windows.current_days * 24 // current.stride_hours)
    weeks = range(reference.snapshots.rul.shape[1], snapshots - 1, -snapshots) if snapshots else ()
    past = {
        PREDICTION: np.concatenate([median(reference.snapshots.rul[:, end - snapshots : end], axis=1) for end in weeks] or [np.empty(0)])
    }
    now = {PREDICTION: median(current.rul[:, -snapshots:], axis=1) if snapshots else np.empty(0)}
    blocks = [] if windows is None else [block.units for block in reference.weeks(windows, warning_days, config.decision.least_compressors)]
    if windows is not None and blocks:
        shifts = measure_shifts(current.values, current.healthy(warning_days), windows).units
        pooled = np.concatenate(blocks)
        past |= dict(zip(COMPARED, pooled.T, strict=True))
        now |= dict(zip(COMPARED, shifts.T, strict=True))
    columns = [name for name in now if _values(past[name]) and _values(now[name])]
    seed = config.reference.seed
    frames = [pd.DataFrame({name: pd.Series(side[name]) for name in columns}) for side in (past, now)]
    return frames[0].sample(min(config.report.rows, len(frames[0])), random_state=seed), frames[1]


def _values(column: Doubles) -> int:
    return int((~np.isnan(column)).sum())
