"""Evidently's HTML page of one comparison: the distributions behind the numbers of monitoring.drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from config.monitoring import MonitoringConfig
from monitoring.looks import COMPARED, Looks
from monitoring.reference import Reference
from monitoring.shifts import Doubles, fit_windows, measure_shifts, median

if TYPE_CHECKING:
    import pandas as pd

PREDICTION: Final = "predicted_rul_days"


def write_report(file: Path, reference: Reference, current: Looks, config: MonitoringConfig, warning_days: float) -> bool:
    """Write the page: one row per compressor and week, how far each feature moved, and the median predicted life.

    Its drift test is the KS test at the level of the decision, corrected for the number of columns. Columns that cannot be compared are left
    out; returns whether there was any to write about.
    """
    from evidently import Report
    from evidently.presets import DataDriftPreset

    past, now = report_frames(reference, current, config, warning_days)
    if not len(past.columns):
        return False
    level = config.decision.false_drift_share.value / len(past.columns)
    file.parent.mkdir(parents=True, exist_ok=True)
    Report([DataDriftPreset(method="ks", threshold=level)]).run(now, past).save_html(str(file))
    return True


def report_frames(reference: Reference, current: Looks, config: MonitoringConfig, warning_days: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The reference's rows, at most `report.rows`, and those of the last days; both with the same columns."""
    import pandas as pd

    windows = fit_windows(config.windows, current.known)
    looks = min(current.known, config.windows.current_days * 24 // config.windows.stride_hours)
    weeks = range(reference.looks.rul.shape[1], looks - 1, -looks) if looks else ()
    past = {PREDICTION: np.concatenate([median(reference.looks.rul[:, end - looks : end], axis=1) for end in weeks] or [np.empty(0)])}
    now = {PREDICTION: median(current.rul[:, -looks:], axis=1) if looks else np.empty(0)}
    blocks = [] if windows is None else [block.units for block in reference.weeks(windows, warning_days)]
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
