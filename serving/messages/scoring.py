"""Messages of POST /v1/score and POST /v1/predict."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, FailFast, Field, FiniteFloat, ValidationInfo

from config.errors import RequestError
from features.contract import FEATURES, WINDOW_STEPS
from serving.assessment import Health, Status
from serving.messages.fields import MOST_ID, Answer, AnsweredTime, AskedTime, Request

Row = Annotated[list[FiniteFloat], Field(min_length=len(FEATURES), max_length=len(FEATURES)), FailFast()]
Window = Annotated[list[Row], Field(min_length=WINDOW_STEPS, max_length=WINDOW_STEPS), FailFast()]


def _refuse_too_many(ids: Any, info: ValidationInfo) -> Any:
    """End the validation before every id is checked."""
    most = info.context["most_compressors"] if info.context else None
    if most is not None and isinstance(ids, list) and len(ids) > most:
        raise RequestError(("compressor_ids", f"has {len(ids)} ids; one request may have {most}"), status=413)
    return ids


class ScoreRequest(Request):
    """Compressors to score, all without `compressor_ids`. The moment is `as_of`, or now."""

    compressor_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MOST_ID)]] | None, BeforeValidator(_refuse_too_many), Field(min_length=1)
    ] = None
    as_of: AskedTime | None = None


class PredictRequest(Request):
    """Windows [n, 24 hours, 24 features], oldest hour first. Features are in the order of features/contract.py. A status is 0, 1 or 2."""

    windows: Annotated[list[Window], Field(min_length=1), FailFast()]


class DataFault(Answer):
    """A sensor's fault and its beginning. The sensor `all` is every sensor at once. The text in `detail` is for people."""

    sensor: str
    fault: str
    since: str
    detail: str


class LastUsable(Answer):
    """The last prediction with numbers of a compressor that has none now, and its age. What is left of its life is `rul_days_now`."""

    prediction_timestamp: AnsweredTime
    age_hours: float
    rul_days: float
    rul_days_now: float
    rul_lower_days: float
    rul_upper_days: float
    failure_probability: float
    health: Health
    act_by: date | None
    model_version: str


class Predicted(Answer):
    """The fields of every prediction.

    Without a repair due within the plan, `act_by` and `expected_saving_usd` are null (docs/concepts/repair-dates.md).
    """

    compressor_id: str
    status: Status
    data_faults: list[DataFault]
    rul_days: float | None
    rul_lower_days: float | None
    rul_upper_days: float | None
    failure_probability: float | None
    confidence_score: float | None
    act_by: date | None
    expected_saving_usd: float | None
    horizon_days: float
    reasons: list[str]


class PredictionAnswer(Predicted):
    """A compressor's prediction, as `altaviz score` reports it. The numbers are null unless `status` is ok."""

    last_usable: LastUsable | None


class ScoreAnswer(Answer):
    """Predictions, most urgent first, and the number of new or changed rows in ml_predictions."""

    model_version: str
    as_of: AnsweredTime
    predictions: list[PredictionAnswer]
    rows_written: int


class WindowAnswer(Answer):
    """The prediction for one window. Shares are 0..1."""

    rul_days: float
    rul_lower_days: float
    rul_upper_days: float
    failure_probability: float
    confidence_score: float


class PredictAnswer(Answer):
    """One entry per window, in their order. Each `failure_probability` is for a failure within `horizon_days`."""

    model_version: str
    horizon_days: float
    predictions: list[WindowAnswer]
