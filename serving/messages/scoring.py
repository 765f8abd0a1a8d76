"""Messages of POST /v1/score and POST /v1/predict."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, FailFast, Field, FiniteFloat, ValidationInfo

from config.errors import RequestError
from features.contract import FEATURES, WINDOW_STEPS
from serving.assessment import Health, Status
from serving.messages.fields import MOST_ID, Answer, AnsweredTime, AskedTime, Request
from serving.messages.prediction import DataFault, Numbers

_ORDER: Final = f"The values of one hour, in this order, null where it is missing: {', '.join(FEATURES)}."
Row = Annotated[list[FiniteFloat | None], Field(min_length=len(FEATURES), max_length=len(FEATURES), description=_ORDER), FailFast()]
Window = Annotated[list[Row], Field(min_length=WINDOW_STEPS, max_length=WINDOW_STEPS, description="The hours, oldest first."), FailFast()]


def _refuse_too_many(ids: Any, info: ValidationInfo) -> Any:
    """End the validation before every id is checked."""
    most = info.context["most_compressors"] if info.context else None
    if most is not None and isinstance(ids, list) and len(ids) > most:
        raise RequestError(("compressor_ids", f"has {len(ids)} ids; one request may have {most}"), status=413)
    return ids


class ScoreRequest(Request):
    """Compressors to score, and the moment."""

    compressor_ids: Annotated[
        Annotated[list[Annotated[str, Field(min_length=1, max_length=MOST_ID)]], Field(min_length=1)] | None,
        BeforeValidator(_refuse_too_many),
    ] = Field(None, description="The compressors to score, none twice. Without it, the whole fleet.")
    as_of: AskedTime | None = Field(None, description="What counts as now, ISO 8601, UTC without a zone. Without it, the home's present.")


class PredictRequest(Request):
    """Windows [n, 24 hours, 24 features], oldest hour first. A status feature is 0 (normal), 1 (warning) or 2 (critical)."""

    windows: Annotated[list[Window], FailFast()] = Field(min_length=1, description=f"Windows of 24 hours. {_ORDER}")


class LastUsable(Answer):
    """The last prediction with numbers of a compressor that has none now."""

    prediction_timestamp: AnsweredTime = Field(description="The moment of the numbers, UTC.")
    age_hours: float = Field(description="From `prediction_timestamp` until the moment of the answer, hours.")
    rul_days: float = Field(description="Predicted remaining life from `prediction_timestamp` on, days.")
    rul_days_now: float = Field(description="What is left of `rul_days` at the moment of the answer, days, 0 or more.")
    rul_lower_days: float = Field(description="Lower end of the 90 % interval of `rul_days`, days.")
    rul_upper_days: float = Field(description="Upper end of the 90 % interval of `rul_days`, days.")
    failure_probability: float = Field(description="Probability of a failure within the model's horizon, 0 to 1.")
    health: Health = Field(description="Health by what is left of the predicted life.")
    act_by: date | None = Field(description="Day (UTC) on which a repair costs least. Null while none is due.")
    model_version: str = Field(description="Version of the model that made the numbers.")


class PredictionAnswer(Numbers):
    """A compressor's prediction, as `altaviz score` reports it. The numbers are null unless `status` is ok."""

    compressor_id: str = Field(description="The compressor.")
    status: Status = Field(description="Whether there is a prediction, and if not, why.")
    data_faults: list[DataFault] = Field(description="Faults of sensors within the window.")
    horizon_days: float = Field(description="How far the failure probability looks ahead, days.")
    reasons: list[str] = Field(description="Why, for people.")
    last_usable: LastUsable | None = Field(description="The last prediction with numbers that still holds, if this one has none.")


class ScoreAnswer(Answer):
    """Predictions, most urgent first."""

    model_version: str = Field(description="Version of the champion.")
    as_of: AnsweredTime = Field(description="The moment that was scored, UTC.")
    predictions: list[PredictionAnswer] = Field(description="One entry for each compressor, most urgent first.")
    rows_written: int = Field(description="Rows of ml_predictions inserted or changed.")


class WindowAnswer(Answer):
    """The prediction for one window."""

    status: Literal["ok", "insufficient_history"] = Field(
        description="Whether the window has enough hours with data. Else numbers are null."
    )
    rul_days: float | None = Field(description="Predicted remaining life from the window's end on, days, 0 or more.")
    rul_lower_days: float | None = Field(description="Lower end of the 90 % interval, days.")
    rul_upper_days: float | None = Field(description="Upper end of the 90 % interval, days.")
    failure_probability: float | None = Field(description="Probability of a failure within `horizon_days`, 0 to 1.")
    confidence_score: float | None = Field(description="Confidence, 0 to 1: it falls as the interval widens.")


class PredictAnswer(Answer):
    """The predictions for some windows."""

    model_version: str = Field(description="Version of the champion.")
    horizon_days: float = Field(description="How far the failure probability looks ahead, days.")
    predictions: list[WindowAnswer] = Field(description="One entry for each window, in their order.")
