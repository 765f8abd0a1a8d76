"""altaviz benchmark: how Altaviz does on data and against code that others know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.settings import Settings
from pipelines.console import StageReporter, native_stderr_to


def cmapss(settings: Settings, data: Path, subset: str, seeds: int, report: StageReporter) -> dict[str, Any]:
    """training.cmapss.run_cmapss with a progress bar. Raises InputError, ConfigError."""
    with native_stderr_to(settings.home / "logs" / "tensorflow.log"):
        from training.cmapss import run_cmapss
    with report.stage(f"cmapss {subset}") as advance:

        def progress(seed: int, of: int, epoch: int, epochs: int, log: Mapping[str, float]) -> None:
            advance((seed - 1) * epochs + epoch, of * epochs, seed=seed, **{name: round(value, 2) for name, value in log.items()})

        result: dict[str, Any] = run_cmapss(data, subset, settings.model, seeds, progress)
        return result
