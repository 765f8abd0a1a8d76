"""Repair dates, predicted lives and statuses of a fleet, hour by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from config.settings import Settings
from features.arrays import Doubles
from features.model_file.onnx_model import OnnxModel
from features.reference_tables.renewals import read_renewals
from monitoring.evaluation.unseen_fleet import UnseenFleet
from monitoring.maintenance.complete_lives import HourlyPredictions
from serving.prediction.repair_cost import NOT_DUE, Forecast, plan_repairs

if TYPE_CHECKING:
    from serving.registry.model_version import RegisteredModel


def predict_hours(settings: Settings, fleet: UnseenFleet, champion: RegisteredModel) -> HourlyPredictions:
    """Dates, predicted lives and statuses at every hour of a fleet -> [compressors, hours]."""
    history, index, scoring = fleet.labelled.history, fleet.labelled.index, settings.model.scoring
    model, facts = OnnxModel(champion.onnx, scoring.threads), champion.facts
    predicted = model.predict_rows(history.values, index.first_row, index.end, scoring.batch_size)
    lower, point, upper, fails = (
        np.asarray(numbers, np.float64)
        for numbers in (predicted.rul_lower, predicted.rul, predicted.rul_upper, predicted.failure_probability)
    )
    ages = hourly_ages(fleet)[index.end]
    forecast = Forecast(lower, point, upper, fails, ages, facts.horizon_days, facts.max_rul_days, model.levels, model.ageing)
    repairs = plan_repairs(forecast, settings.costs)
    due = np.full(len(history.values), NOT_DUE, np.int64)
    life = np.full(len(history.values), np.nan)
    due[index.end], life[index.end] = repairs.due_days, point
    shape = (len(history.compressor_ids), history.hours)
    return HourlyPredictions(due.reshape(shape), life.reshape(shape), fleet.worst_statuses().reshape(shape))


def hourly_ages(fleet: UnseenFleet) -> Doubles:
    """Days since the last renewal at every row of the fleet's history, by its maintenance events -> [rows]."""
    history, renewals = fleet.labelled.history, read_renewals(fleet.labelled.events)
    return np.concatenate([renewals.ages(name, history.first_mark, history.hours) for name in history.compressor_ids])
