"""Prepares what the gate judges by: an unseen fleet, and settings that no override may change. monitoring.gate.checks judges."""

from __future__ import annotations

from typing import Final

from config.errors import ConfigError
from config.settings import Settings
from monitoring.evaluation.unseen_fleet import UnseenFleet
from pipelines.evaluation.simulated_fleets import label_unseen
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark

GATE_FILE: Final = "gate.json"  # artifact of a training run: each check with its numbers


def prepare_unseen(settings: Settings, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """The gate's own fleet below `<home>/gate`; an earlier one is used again. Raises HomeError, EnvironmentSetupError."""
    size = settings.retraining.gate.fleet
    (seed,) = size.seeds
    return label_unseen(settings.below(f"gate/seed-{seed}"), size, seed, spark, report)


def require_own_measure(settings: Settings) -> None:
    """Raise ConfigError if --set changes how the gate measures a model. Only model_config.yaml may."""
    used, written = settings.model, settings.without_overrides().model
    measures = {
        "baseline": (used.baseline, written.baseline),
        "export.max_abs_difference": (used.export.max_abs_difference, written.export.max_abs_difference),
        "export.check_windows": (used.export.check_windows, written.export.check_windows),
        "windows.judge_stride_hours": (used.windows.judge_stride_hours, written.windows.judge_stride_hours),
    }
    changed = [name for name, (in_use, in_file) in measures.items() if in_use != in_file]
    if changed:
        raise ConfigError(f"--set {', '.join(changed)}: the gate measures models with it, so it can only be changed in model_config.yaml")
