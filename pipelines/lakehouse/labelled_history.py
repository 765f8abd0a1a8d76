"""The labelled history that a model learns from: gold and maintenance events of one or more lakes, as they were known at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Settings
from features.grid import map_history
from pipelines.runtime.console import StageReporter
from training.data.history import TrainingHistory
from training.data.labelled_fleet import label_fleet

if TYPE_CHECKING:
    from training.data.labelled_fleet import LabelledFleet


def labelled_fleet(settings: Settings, past: TrainingHistory, report: StageReporter) -> LabelledFleet:
    """All labelled windows of `past`, over a memory map in the home (features.grid.map_history).

    Raises NoDataError when gold has no rows, ModelError when no window is left.
    """
    with report.stage("windows") as advance:
        history = map_history([source.gold for source in past.sources], settings.home, past.until)
        fleet = label_fleet(history, past.events(), settings.model.labels, settings.scoring.min_steps)
        advance(1, 1, windows=len(fleet.index))
    return fleet
