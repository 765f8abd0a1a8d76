"""Predictions: windows from gold through ONNX Runtime in the process, one row per compressor. Batch job and service share it.

Loads no JVM, no TensorFlow, no MLflow. The caller passes the registered model and the opened gold table.
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
from serving.prediction.repair_cost import Forecast, waiting
from serving.prediction.repair_date import Due, ages_at, due_repairs
from serving.registry.model_version import RegisteredModel
from serving.schemas import Prediction, ScoredBy, urgency

_MOST_NAMED = 10  # windows that an error names
_AT_ONCE = 1024  # windows in one run of the model; the memory of a run grows with them
_WINDOW = timedelta(hours=WINDOW_STEPS * WINDOW_STEP_HOURS)

# when compressors began their present life, where known (features/reference_tables/renewals.py)
Renewed = Mapping[str, datetime]
ReadPast = Callable[[list[str], datetime], History]  # PAST_HOURS or more of some compressors before a moment


@dataclass(frozen=True)
class GoldSource:
    """The version of the gold table that steps were cut from."""

    gold_uri: str
    gold_table_id: str  # stays with the table wherever it is moved
    gold_version: int


@dataclass(frozen=True)
class _Scored:
    """One compressor with numbers, and all that its row is made from."""

    compressor_id: str
    window: Float32s  # [steps, features]
    numbers: Numbers
    reasons: list[str]
    due: Due
    source: dict[str, Any]  # of `features_used`


class Predictor:
    """A registered model, opened for scoring."""

    def __init__(
        self, registered: RegisteredModel, scoring: ScoringConfig, costs: CostsConfig, threads: int, scored_by: ScoredBy = "batch"
    ) -> None:
        """Open the model.

        Raises ModelError when it takes other windows, ConfigError when a notable change names a feature of no sensor.
        """
        unknown = set(scoring.reasons.notable_changes) - set(SENSOR_OF)
        if unknown:
            raise ConfigError(f"scoring.yaml: reasons.notable_changes: {', '.join(sorted(unknown))}: not a feature of a sensor")
        self._model = OnnxModel(registered.onnx, threads)
        if (self._model.steps, self._model.features) != (WINDOW_STEPS, len(FEATURES)):
            shape = f"[{self._model.steps}, {self._model.features}]"
            raise ModelError(
                f"version {registered.version} takes windows {shape}, this version makes [{WINDOW_STEPS}, {len(FEATURES)}]: train again"
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
        """One prediction per compressor at `as_of` (timezone-aware), most urgent first. Pass `renewed` as it was known at that moment.

        Only the status ok has numbers (serving.assessment.status_of). Raises NoDataError when gold has nothing at or before `as_of`. Raises ModelError
        when an output of the model is not finite.
        """
        steps = steps_before(gold, list(compressor_ids), as_of)
        if not any(steps.last_reading):
            require_data(first_reading(gold), as_of)
        return self.predict_steps(steps, as_of, source_of(gold), partial(read_past, gold), renewed)

    def predict_steps(self, steps: Steps, as_of: datetime, gold: GoldSource, past: ReadPast, renewed: Renewed) -> list[Prediction]:
        """Predictions from the steps before `as_of`, cut from `gold`. Raises ModelError.

        For compressors that need reasons, `past` reads the hours before.
        """
        faults = [window_faults(texts, newest) for texts, newest in zip(steps.faults, steps.last_reading, strict=True)]
        described = [describe_faults(found, as_of) for found in faults]
        steps = _without_faults(steps, faults, as_of)
        statuses = [self._status(steps, unit, as_of, faults[unit]) for unit in range(len(steps.compressor_ids))]
        scored = [unit for unit, status in enumerate(statuses) if status == "ok"]
        windows = fill_gaps(steps.values[scored])  # [ok, 24, 24], a copy
        answers = self._model.predict(windows)
        if not _finite(answers).all():
            raise ModelError(f"version {self.version} predicts a value that is not finite: train and register it again")
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
            parts = _Scored(compressor_id, windows[row], numbers[row], reasons[row], due[row], sources[unit])
            predictions.append(_made_without(self._with_numbers(parts, as_of), described[unit]))
        return sorted(predictions, key=urgency)

    def try_out(self) -> None:
        """Run the model once, so that a model that cannot run fails before a request needs it. Raises ModelError."""
        try:
            self._model.predict(np.zeros((1, WINDOW_STEPS, len(FEATURES)), np.float32))
        except Exception as error:  # ONNX Runtime raises a family of its own without a public base
            raise ModelError(f"version {self.version} cannot run ({type(error).__name__}): train and register it again") from error

    def predict_windows(self, windows: Float32s) -> list[Numbers | None]:
        """The model's numbers for [n, steps, features] windows, in their order; NaN is a missing value, as in gold.

        A window with too little data has None. Raises RequestError for windows without a finite output.
        """
        counts = has_data(windows).sum(axis=1)
        statuses = {count: status_of(timedelta(0), count, False, self._limits) for count in set(counts.tolist())}
        chosen = np.flatnonzero([statuses[count] == "ok" for count in counts.tolist()])
        numbers: list[Numbers | None] = [None] * len(windows)
        for start in range(0, len(chosen), _AT_ONCE):
            part = chosen[start : start + _AT_ONCE]
            answers = self._model.predict(fill_gaps(windows[part]))
            unanswered = part[~_finite(answers)]
            if len(unanswered):
                reason = "the model has no finite prediction for this window: its values are far from any reading"
                raise RequestError(*((f"windows[{number}]", reason) for number in unanswered[:_MOST_NAMED]))
            for row, number in enumerate(part.tolist()):
                numbers[number] = self._numbers(answers, row)
        return numbers

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
        """The repair of each compressor, from its numbers as stored and the beginning of its life."""
        return due_repairs(self._forecast(numbers, ages_at(as_of, renewed)), as_of, self._costs, self._scoring.health.warning.value)

    def _forecast(self, numbers: Sequence[Numbers], age_days: npt.NDArray[np.float64]) -> Forecast:
        lives = [(item.rul_lower_days, item.rul_days, item.rul_upper_days, item.failure_probability) for item in numbers]
        lower, point, upper, fails = np.array(lives, np.float64).reshape(len(lives), 4).T
        levels, ageing = self._model.levels, self._model.ageing
        return Forecast(lower, point, upper, fails, age_days, self.horizon_days, self._max_rul_days, levels, ageing)

    def waiting(self, numbers: Numbers, age_days: float) -> tuple[list[float], list[float]]:
        """What waiting with a repair does, for each whole day from the prediction on (serving.prediction.repair_cost.waiting).

        `numbers` are of this version. The age is that of the machine then, NaN where unknown.
        """
        fails, extra_usd = waiting(self._forecast([numbers], np.array([age_days])), self._costs)
        return fails[0].tolist(), extra_usd[0].tolist()

    def _reasons(
        self, ids: list[str], windows: Float32s, numbers: list[Numbers], due: list[Due], as_of: datetime, past: ReadPast
    ) -> list[list[str]]:
        """The reasons for each window. Only compressors with something to plan cost reads and runs of the model."""
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
            by_age = due[row].by_age
            if by_age is not None:  # first when only the age gives a date, last when it takes one away
                reasons[row] = [by_age, *reasons[row]] if due[row].act_by is not None else [*reasons[row], by_age]
        return reasons

    def _with_numbers(self, scored: _Scored, as_of: datetime) -> Prediction:
        return Prediction(
            compressor_id=scored.compressor_id,
            prediction_timestamp=as_of,
            model_version=self.version,
            status="ok",
            **asdict(scored.numbers),
            health=self._health(scored.numbers),
            horizon_days=self.horizon_days,
            reasons=scored.reasons,
            features_used={**scored.source, "values": finite_or_none(scored.window[-1])},
            act_by=scored.due.act_by,
            expected_saving_usd=scored.due.saving_usd,
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
    """The steps without the values of faulty sensors."""
    if not any(faults):
        return steps
    masked = [mask_faults(values, found, as_of) if found else values for values, found in zip(steps.values, faults, strict=True)]
    return replace(steps, values=np.stack(masked))


def _made_without(prediction: Prediction, described: list[dict[str, Any]]) -> Prediction:
    """The prediction with its data faults, and a reason that names them."""
    if not described:
        return prediction
    reason = fault_sentence(described, "predicted without the values of")
    return replace(prediction, reasons=[*prediction.reasons, reason], data_faults=described)


def source_of(gold: DeltaTable) -> GoldSource:
    """The version of gold that a prediction records."""
    return GoldSource(str(gold.table_uri), str(gold.metadata().id), int(gold.version()))


def first_reading(gold: DeltaTable) -> datetime | None:
    """Time of the oldest row of gold, None when it is empty."""
    first: datetime | None = pl.scan_delta(gold).select(pl.col(TIMESTAMP).min()).collect().item()
    return first


def read_past(gold: DeltaTable, compressor_ids: list[str], as_of: datetime) -> History:
    """The last PAST_HOURS of these compressors, read from the table. Reasons compare with them."""
    return read_history(gold, as_of, PAST_HOURS, compressor_ids)


def require_data(first: datetime | None, as_of: datetime) -> None:
    """Raise NoDataError unless gold has a row at or before `as_of`. The time of its oldest row is `first`."""
    if first is None:
        raise NoDataError("gold holds no rows: run `altaviz ingest` and `altaviz features` first")
    if first > as_of:
        raise NoDataError(
            f"gold has nothing at or before {as_of.isoformat()}; its first row is from {first.isoformat()}: choose a later --as-of"
        )


def _finite(answers: Predictions) -> npt.NDArray[np.bool_]:
    """Whether all outputs for a window are finite: [n]."""
    numbers = (answers.rul, answers.rul_lower, answers.rul_upper, answers.failure_probability)
    return np.asarray(np.isfinite(np.stack(numbers)).all(axis=0), np.bool_)
