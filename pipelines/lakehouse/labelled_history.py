"""Labels the history that a model is trained on: gold and maintenance events of one or more lakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Settings
from features.grid import map_history
from pipelines.runtime.console import StageReporter
from training.data.history import TrainingHistory
from training.data.labelled_fleet import label_fleet

if TYPE_CHECKING:
    from training.data.labelled_fleet import LabelledFleet


def labelled_fleet(settings: Settings, history: TrainingHistory, report: StageReporter) -> LabelledFleet:
    """All labelled windows of `history`, over a memory map in the home.

    Raises NoDataError if gold has no rows, ModelError if no window is left.
    """
    with report.stage("windows") as advance:
        grid = map_history([source.gold for source in history.sources], settings.home, history.until)
        fleet = label_fleet(grid, history.events(), settings.model.labels, settings.scoring.min_steps)
        advance(1, 1, windows=len(fleet.index))
    return fleet
