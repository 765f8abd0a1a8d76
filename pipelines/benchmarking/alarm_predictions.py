"""A champion's predictions for every compressor and hour of an unseen fleet, as `score` would have written them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from config.settings import Settings
from features.contract import USD_DIGITS
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.unseen_fleet import UnseenFleet
from monitoring.maintenance.fleet_predictions import hourly_ages
from serving.assessment import Numbers, health_of
from serving.prediction.repair_cost import NOT_DUE, Forecast, plan_repairs
from serving.schemas import Prediction

if TYPE_CHECKING:
    from features.arrays import Doubles
    from serving.registry.model_version import RegisteredModel

_REASONS: Final = ["the benchmark names no reasons"]  # they cost runs of the model, and decide no alert


def hourly_predictions(settings: Settings, fleet: UnseenFleet, champion: RegisteredModel) -> Iterator[Prediction]:
    """One row for each compressor and hour, by compressor. An hour without a window has no numbers."""
    history, index, scoring = fleet.labelled.history, fleet.labelled.index, settings.model.scoring
    model, facts = OnnxModel(champion.onnx, scoring.threads), champion.facts
    answers = model.predict_rows(history.values, index.first_row, index.end, scoring.batch_size)
    numbers = [
        Numbers.of(*map(float, row), max_rul_days=facts.max_rul_days)
        for row in zip(answers.rul, answers.rul_lower, answers.rul_upper, answers.failure_probability, strict=True)
    ]
    lower, point, upper, fails = _columns(numbers)
    ages = hourly_ages(fleet)[index.end]
    forecast = Forecast(lower, point, upper, fails, ages, facts.horizon_days, facts.max_rul_days, model.levels, model.ageing)
    due = plan_repairs(forecast, settings.costs)
    places = {int(end): place for place, end in enumerate(index.end)}
    limits = settings.scoring.health
    for row in range(len(history.values)):
        unit, hour = divmod(row, history.hours)
        moment, place = history.mark(hour).astimezone(UTC), places.get(row)
        nothing = Prediction(
            compressor_id=history.compressor_ids[unit],
            prediction_timestamp=moment,
            model_version=champion.version,
            status="insufficient_history",
            rul_days=None,
            rul_lower_days=None,
            rul_upper_days=None,
            failure_probability=None,
            confidence_score=None,
            health=None,
            horizon_days=facts.horizon_days,
            reasons=_REASONS,
            features_used={},
            act_by=None,
            expected_saving_usd=None,
        )
        if place is None:
            yield nothing
            continue
        own, is_due = numbers[place], due.due_days[place] != NOT_DUE
        yield replace(
            nothing,
            status="ok",
            **asdict(own),
            health=health_of(own.rul_days, warning_days=limits.warning.value, critical_days=limits.critical.value),
            act_by=moment.date() + timedelta(days=int(due.due_days[place])) if is_due else None,
            expected_saving_usd=round(float(due.saving_usd[place]), USD_DIGITS) if is_due else None,
        )


def _columns(numbers: list[Numbers]) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Lower, point, upper and probability of each window, as they are stored."""
    rows = [(own.rul_lower_days, own.rul_days, own.rul_upper_days, own.failure_probability) for own in numbers]
    lower, point, upper, fails = np.array(rows, np.float64).reshape(len(rows), 4).T
    return lower, point, upper, fails
