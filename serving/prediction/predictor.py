"""Predictions: windows from gold through ONNX Runtime in the process, one row per compressor. The batch job and the service share it.

No JVM, no TensorFlow, no MLflow: the caller hands over the registered model and the opened gold table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import DeltaTable

from config.errors import ConfigError, ModelError, NoDataError, RequestError
from config.sections.costs import CostsConfig
from config.sections.scoring import ScoringConfig
from features.arrays import Float32s
from features.contract import (
    FEATURE_SET_VERSION,
    FEATURES,
    TIMESTAMP,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.grid import History, Steps, read_history, steps_before
from features.model_file.onnx_model import OnnxModel, Predictions
from features.windows import fill_gaps, has_data
from serving.assessment import Health, Numbers, Status, WindowLimits, health_of, status_of
from serving.prediction.attribution import SENSOR_OF, attribute
from serving.prediction.data_faults import WindowFault, describe_faults, fault_sentence, mask_faults, spoils_model, window_faults
from serving.prediction.reasons import driving_reasons, finite_or_none, healthy_reason, history_reason, incomparable_reason, stale_reason
from serving.prediction.reference_day import PAST_HOURS, best_days, past_days_of
from serving.prediction.repair_cost import Forecast
from serving.prediction.repair_date import Due, ages_at, due_repairs
from serving.registry.model_version import RegisteredModel
from serving.schemas import Prediction, ScoredBy, urgency

_MOST_NAMED = 10  # windows that an error names
_WINDOW = timedelta(hours=WINDOW_STEPS * WINDOW_STEP_HOURS)

Renewed = Mapping[
    str, datetime
]  # when compressors began their present life, of those that it is known of (features/reference_tables/renewals.py)
ReadPast = Callable[[list[str], datetime], History]  # PAST_HOURS or more of some compressors before a moment


@dataclass(frozen=True)
class GoldSource:
    """Which version of which gold table steps were cut from."""

    gold_uri: str
    gold_table_id: str  # stays with the table wherever it is moved
    gold_version: int


class Predictor:
    """A registered model, opened for scoring."""

    def __init__(
        self, registered: RegisteredModel, scoring: ScoringConfig, costs: CostsConfig, threads: int, scored_by: ScoredBy = "batch"
    ) -> None:
        """Open the model. Raises ModelError when it does not take this contract's windows, ConfigError for a change of no sensor's feature."""
        unknown = set(scoring.reasons.notable_changes) - set(SENSOR_OF)
        if unknown:
            raise ConfigError(f"scoring.yaml: reasons.notable_changes: {', '.join(sorted(unknown))}: no feature of a sensor")
        self._model = OnnxModel(registered.onnx, threads)
        if (self._model.steps, self._model.features) != (WINDOW_STEPS, len(FEATURES)):
            shape = f"[{self._model.steps}, {self._model.features}]"
            raise ModelError(
                f"version {registered.version} takes windows {shape}, this code makes [{WINDOW_STEPS}, {len(FEATURES)}]: train again"
            )
        self.registered = registered
        self.version = registered.version
        self.horizon_days = registered.facts.horizon_days
        self._max_rul_days = registered.facts.max_rul_days
        self._scoring = scoring
        self._limits = WindowLimits(scoring.min_steps, scoring.stale_after_hours)
        self._costs = costs
        self._rules = {
            "feature_set_version": FEATURE_SET_VERSION,
            "model_digest": registered.digest,
            "min_steps": scoring.min_steps,
            "stale_after_hours": scoring.stale_after_hours,
            "scoring_digest": scoring.digest("min_steps", "stale_after_hours"),
            "costs_digest": costs.digest("simulation"),
            "scored_by": scored_by,
        }

    def predict(self, gold: DeltaTable, compressor_ids: Sequence[str], as_of: datetime, renewed: Renewed) -> list[Prediction]:
        """One prediction per compressor at `as_of` (timezone-aware), most urgent first. `renewed` is as it was known by then.

        A compressor without a recent reading is stale; one with too few hours of data has insufficient_history, or bad_data where a sensor with a
        fault is why. None of them gets a number.
        Raises NoDataError when gold has nothing at or before `as_of`, ModelError when the model's answer is no number.
        """
        steps = steps_before(gold, list(compressor_ids), as_of)
        if not any(steps.last_reading):
            require_data(first_reading(gold), as_of)
        return self.predict_steps(steps, as_of, source_of(gold), partial(read_past, gold), renewed)

    def predict_steps(self, steps: Steps, as_of: datetime, gold: GoldSource, past: ReadPast, renewed: Renewed) -> list[Prediction]:
        """`predict` from the steps before `as_of`, cut from `gold`.

        `past` reads what went before for those that need a reason. Raises ModelError.
        """
        faults = [window_faults(texts, newest) for texts, newest in zip(steps.faults, steps.last_reading, strict=True)]
        described = [describe_faults(found, as_of) for found in faults]
        steps = _without_faults(steps, faults, as_of)
        statuses = [self._status(steps, unit, as_of, faults[unit]) for unit in range(len(steps.compressor_ids))]
        scored = [unit for unit, status in enumerate(statuses) if status == "ok"]
        windows = fill_gaps(steps.values[scored])  # [ok, 24, 24], a copy
        answers = self._model.predict(windows)
        if not _finite(answers).all():
            raise ModelError(f"version {self.version} answers with something that is no number: train and register it again")
        source = {
            **self._rules,
            **asdict(gold),
            "window_start": (as_of - _WINDOW).isoformat(),
            "window_end": as_of.isoformat(),
        }
        sources = [{**source, "renewed_at": renewed[name].isoformat() if name in renewed else None} for name in steps.compressor_ids]
        predictions = [
            self._without_number(steps, unit, as_of, status, described[unit], sources[unit])
            for unit, status in enumerate(statuses)
            if status != "ok"
        ]
        numbers = [self._numbers(answers, row) for row in range(len(scored))]
        ids = [steps.compressor_ids[unit] for unit in scored]
        due = self._due(numbers, as_of, [renewed.get(name) for name in ids])
        reasons = self._reasons(ids, windows, numbers, due, as_of, past)
        for row, compressor_id in enumerate(ids):
            unit = scored[row]
            made = self._with_numbers(compressor_id, as_of, windows[row], numbers[row], reasons[row], due[row], sources[unit])
            predictions.append(_made_without(made, described[unit]))
        return sorted(predictions, key=urgency)

    def predict_windows(self, windows: Float32s) -> list[Numbers]:
        """What the model says of [n, steps, features] windows, in their order. Raises RequestError for windows it has no number for."""
        answers = self._model.predict(windows)
        unanswered = np.flatnonzero(~_finite(answers))
        if len(unanswered):
            reason = "the model has no number for this window: its values are far from any reading"
            raise RequestError(*((f"windows[{number}]", reason) for number in unanswered[:_MOST_NAMED]))
        return [self._numbers(answers, row) for row in range(len(windows))]

    def _status(self, steps: Steps, unit: int, as_of: datetime, faults: Sequence[WindowFault]) -> Status:
        newest = steps.last_reading[unit]
        age = None if newest is None else as_of - newest
        return status_of(age, int(has_data(steps.values[unit]).sum()), spoils_model(faults), self._limits)

    def _numbers(self, answers: Predictions, row: int) -> Numbers:
        outputs = (answers.rul, answers.rul_lower, answers.rul_upper, answers.failure_probability)
        return Numbers.of(*(float(output[row]) for output in outputs), max_rul_days=self._max_rul_days)

    def _health(self, numbers: Numbers) -> Health:
        limits = self._scoring.health
        return health_of(numbers.rul_days, warning_days=limits.warning.value, critical_days=limits.critical.value)

    def _due(self, numbers: Sequence[Numbers], as_of: datetime, renewed: Sequence[datetime | None]) -> list[Due]:
        """The repair of each, from its numbers as they are stored and the beginning of its life."""
        lives = [(item.rul_lower_days, item.rul_days, item.rul_upper_days, item.failure_probability) for item in numbers]
        lower, point, upper, fails = np.array(lives, np.float64).reshape(len(lives), 4).T
        forecast = Forecast(
            lower,
            point,
            upper,
            fails,
            ages_at(as_of, renewed),
            self.horizon_days,
            self._max_rul_days,
            self._model.levels,
            self._model.ageing,
        )
        return due_repairs(forecast, as_of, self._costs, self._scoring.health.warning.value)

    def _reasons(
        self, ids: list[str], windows: Float32s, numbers: list[Numbers], due: list[Due], as_of: datetime, past: ReadPast
    ) -> list[list[str]]:
        """The reasons for each of the windows. Reads and runs of the model are spent only where there is something to plan: by its life or by its costs."""
        limits = self._scoring.health
        reasons = [[healthy_reason(limits.warning.value)] for _ in ids]
        planned = enumerate(zip(numbers, due, strict=True))
        ailing = [row for row, (own, repair) in planned if repair.act_by is not None or self._health(own) != "healthy"]
        if not ailing:
            return reasons
        some = [ids[row] for row in ailing]
        best = best_days(self._model, past_days_of(past(some, as_of), some, as_of), self._scoring)
        found = attribute(self._model, windows[ailing], best.windows)
        for place, row in enumerate(ailing):
            days = int(best.days_before[place])
            moved = (found.rul_days[place], found.failure_probability[place])
            reasons[row] = (
                driving_reasons(windows[row], best.windows[place], days, *moved, self._scoring.reasons) if days else [incomparable_reason()]
            )
            word = due[row].by_age
            if word is not None:  # the first reason of a date that only the age gives, the last of one that it takes away
                reasons[row] = [word, *reasons[row]] if due[row].act_by is not None else [*reasons[row], word]
        return reasons

    def _with_numbers(
        self,
        compressor_id: str,
        as_of: datetime,
        window: Float32s,
        numbers: Numbers,
        reasons: list[str],
        due: Due,
        source: dict[str, Any],
    ) -> Prediction:
        return Prediction(
            compressor_id=compressor_id,
            prediction_timestamp=as_of,
            model_version=self.version,
            status="ok",
            **asdict(numbers),
            health=self._health(numbers),
            horizon_days=self.horizon_days,
            reasons=reasons,
            features_used={**source, "values": finite_or_none(window[-1])},
            act_by=due.act_by,
            expected_saving_usd=due.saving_usd,
        )

    def _without_number(
        self, steps: Steps, unit: int, as_of: datetime, status: Status, described: list[dict[str, Any]], source: dict[str, Any]
    ) -> Prediction:
        reason = (
            stale_reason(steps.last_reading[unit], self._scoring.stale_after_hours)
            if status == "stale"
            else history_reason(steps.values[unit], self._scoring.min_steps)
        )
        cause = [fault_sentence(described, "the data cannot be used")] if status == "bad_data" else []
        return Prediction(
            compressor_id=steps.compressor_ids[unit],
            prediction_timestamp=as_of,
            model_version=self.version,
            status=status,
            rul_days=None,
            rul_lower_days=None,
            rul_upper_days=None,
            failure_probability=None,
            confidence_score=None,
            health=None,
            horizon_days=self.horizon_days,
            reasons=[*cause, reason],
            features_used={**source, "values": finite_or_none(steps.values[unit, -1])},
            act_by=None,
            expected_saving_usd=None,
            data_faults=described,
        )


def _without_faults(steps: Steps, faults: Sequence[Sequence[WindowFault]], as_of: datetime) -> Steps:
    """`steps` without what sensors with a fault have left in them."""
    if not any(faults):
        return steps
    masked = [mask_faults(values, found, as_of) if found else values for values, found in zip(steps.values, faults, strict=True)]
    return replace(steps, values=np.stack(masked))


def _made_without(prediction: Prediction, described: list[dict[str, Any]]) -> Prediction:
    """The prediction with the faults of its data, and a reason that says what it was made without."""
    if not described:
        return prediction
    reason = fault_sentence(described, "predicted without the values of")
    return replace(prediction, reasons=[*prediction.reasons, reason], data_faults=described)


def source_of(gold: DeltaTable) -> GoldSource:
    """What a prediction from this version says of it."""
    return GoldSource(str(gold.table_uri), str(gold.metadata().id), int(gold.version()))


def first_reading(gold: DeltaTable) -> datetime | None:
    """Time of the oldest row of gold, None when it is empty."""
    first: datetime | None = pl.scan_delta(gold).select(pl.col(TIMESTAMP).min()).collect().item()
    return first


def read_past(gold: DeltaTable, compressor_ids: list[str], as_of: datetime) -> History:
    """What reasons compare with: the last PAST_HOURS of these compressors, read from the table."""
    return read_history(gold, as_of, PAST_HOURS, compressor_ids)


def require_data(first: datetime | None, as_of: datetime) -> None:
    """Raise NoDataError when `first`, the time of gold's oldest row, is not at or before `as_of`."""
    if first is None:
        raise NoDataError("gold holds no rows: run `altaviz ingest` and `altaviz features` first")
    if first > as_of:
        raise NoDataError(
            f"gold has nothing at or before {as_of.isoformat()}; its first row is of {first.isoformat()}: choose a later --as-of"
        )


def _finite(answers: Predictions) -> npt.NDArray[np.bool_]:
    """Whether every number about a window is one: [n]."""
    numbers = (answers.rul, answers.rul_lower, answers.rul_upper, answers.failure_probability)
    return np.asarray(np.isfinite(np.stack(numbers)).all(axis=0), np.bool_)
