"""What the gate asks a model to show: held-out windows of the history, and an unseen fleet for it and the champion. monitoring.gate.checks judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from config.errors import ConfigError
from config.settings import Settings
from monitoring.evaluation.unseen_fleet import UnseenFleet
from pipelines.evaluation.simulated_fleets import label_unseen
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark

if TYPE_CHECKING:
    pass

GATE_FILE: Final = "gate.json"  # artifact of a training run: every check with its numbers


def prepare_unseen(settings: Settings, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """The gate's own fleet below `<home>/gate`; what an earlier verdict has made is used again. Raises HomeError, EnvironmentSetupError."""
    size = settings.retraining.gate.fleet
    (seed,) = size.seeds
    return label_unseen(settings.below(f"gate/seed-{seed}"), size, seed, spark, report)


def require_own_measure(settings: Settings) -> None:
    """What a model is measured by is what model_config.yaml says: raises ConfigError where an override (--set) says otherwise."""
    used, written = settings.model, settings.without_overrides().model
    measures = {
        "baseline": (used.baseline, written.baseline),
        "export.max_abs_difference": (used.export.max_abs_difference, written.export.max_abs_difference),
        "export.check_windows": (used.export.check_windows, written.export.check_windows),
        "windows.judge_stride_hours": (used.windows.judge_stride_hours, written.windows.judge_stride_hours),
    }
    changed = [name for name, (own, asked) in measures.items() if own != asked]
    if changed:
        raise ConfigError(f"--set {', '.join(changed)}: the gate judges by it, so it can only be changed in model_config.yaml")
