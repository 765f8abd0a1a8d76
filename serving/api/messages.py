"""What the service reads and answers: strict JSON in, documented JSON out. Times are ISO 8601; without a zone they are UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    FiniteFloat,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from config.errors import RequestError
from config.sections.serving import LimitsSection
from features.arrays import Float32s
from features.contract import FEATURES, WINDOW_STEPS
from serving.assessment import Health, Status
from serving.schemas import parse_moment

_MOST_ID: Final = 50  # characters, as compressor_metadata takes them
_ID_BYTES: Final = 6 * _MOST_ID + 4  # in JSON: \uXXXX for every character; quotes, comma, blank
_SCORE_BYTES: Final = 1024  # of the rest of a ScoreRequest
BODY: Final = "body"

RequestT = TypeVar("RequestT", bound=BaseModel)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TIME_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-09T05:50:00Z"]})
AskedTime = Annotated[datetime, BeforeValidator(parse_moment), _TIME_SCHEMA]
AnsweredTime = Annotated[datetime, PlainSerializer(_iso, return_type=str), _TIME_SCHEMA]
Row = Annotated[list[FiniteFloat], Field(min_length=len(FEATURES), max_length=len(FEATURES)), FailFast()]
Window = Annotated[list[Row], Field(min_length=WINDOW_STEPS, max_length=WINDOW_STEPS), FailFast()]


def _refuse_name(name: str) -> str:
    """End the validation at the first unknown name: a body full of them would give one error each."""
    raise RequestError((name[:_MOST_ID], "is not a field of this request"))


def _refuse_too_many(ids: Any, info: ValidationInfo) -> Any:
    """End the validation before every id is checked."""
    most = info.context["most_compressors"] if info.context else None
    if most is not None and isinstance(ids, list) and len(ids) > most:
        raise RequestError(("compressor_ids", f"has {len(ids)} ids; one request may have {most}"), status=413)
    return ids


class _Request(BaseModel):
    # "allow" passes every unknown name to _refuse_name; "forbid" would collect them all
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, json_schema_extra={"additionalProperties": False})
    __pydantic_extra__: dict[Annotated[str, BeforeValidator(_refuse_name)], Any]


class ScoreRequest(_Request):
    """Compressors to score, all without `compressor_ids`. The moment is `as_of`, or now."""

    compressor_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=_MOST_ID)]] | None, BeforeValidator(_refuse_too_many), Field(min_length=1)
    ] = None
    as_of: AskedTime | None = None


class PredictRequest(_Request):
    """Windows [n, 24 hours, 24 features], oldest hour first. Features are in the order of features/contract.py. A status is 0, 1 or 2."""

    windows: Annotated[list[Window], Field(min_length=1), FailFast()]


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, protected_namespaces=())


class DataFault(_Answer):
    """A sensor's fault and its beginning. The sensor `all` is every sensor at once. The text in `detail` is for people."""

    sensor: str
    fault: str
    since: str
    detail: str


class LastUsable(_Answer):
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


class _Predicted(_Answer):
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


class PredictionAnswer(_Predicted):
    """A compressor's prediction, as `altaviz score` reports it. The numbers are null unless `status` is ok."""

    last_usable: LastUsable | None


class ScoreAnswer(_Answer):
    """Predictions, most urgent first, and the number of new or changed rows in ml_predictions."""

    model_version: str
    as_of: AnsweredTime
    predictions: list[PredictionAnswer]
    rows_written: int


class FleetRow(_Predicted):
    """A compressor's newest prediction in the warehouse, with its age.

    Unless `status` is ok, the numbers are those of the last usable prediction, at `prediction_timestamp`. They are null where none holds. The
    compressor was last scored at `status_timestamp`, which is the time of its status.
    """

    rank: int
    health: Health | None
    prediction_timestamp: AnsweredTime
    status_timestamp: AnsweredTime
    age_hours: float
    rul_days_now: float | None
    model_version: str


class FleetAnswer(_Answer):
    """The fleet, most urgent first."""

    as_of: AnsweredTime | None
    compressors: list[FleetRow]


class WindowAnswer(_Answer):
    """The prediction for one window. Shares are 0..1."""

    rul_days: float
    rul_lower_days: float
    rul_upper_days: float
    failure_probability: float
    confidence_score: float


class PredictAnswer(_Answer):
    """One entry per window, in their order. Each `failure_probability` is for a failure within `horizon_days`."""

    model_version: str
    horizon_days: float
    predictions: list[WindowAnswer]


class FieldProblem(BaseModel):
    """A field of the request, and what is wrong with it."""

    field: str
    detail: str


class Problem(BaseModel):
    """A problem document, application/problem+json (RFC 9457). The first wrong fields are in `errors`, and `errors_total` counts all of them."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    errors_total: int = 0


def most_score_bytes(limits: LimitsSection) -> int:
    """Bytes of the largest valid body of POST /v1/score, however its ids are written."""
    return limits.most_compressors * _ID_BYTES + _SCORE_BYTES


def read_score(body: bytes, limits: LimitsSection) -> ScoreRequest:
    """The body of POST /v1/score. Raises RequestError."""
    request = _read(ScoreRequest, body, most_compressors=limits.most_compressors)
    seen: dict[str, int] = {}
    for number, compressor_id in enumerate(request.compressor_ids or []):
        if seen.setdefault(compressor_id, number) != number:
            raise RequestError((f"compressor_ids[{number}]", f"is the same as compressor_ids[{seen[compressor_id]}]"))
    return request


def read_predict(body: bytes, limits: LimitsSection) -> Float32s:
    """The body of POST /v1/predict as [n, 24, 24] float32. Raises RequestError."""
    request = _read(PredictRequest, body)
    if len(request.windows) > limits.most_windows:
        reason = f"has {len(request.windows)} windows; one request may have {limits.most_windows}"
        raise RequestError(("windows", reason), status=413)
    with np.errstate(over="ignore"):  # checked below
        windows = np.asarray(request.windows, np.float64).astype(np.float32)
    too_large = np.argwhere(~np.isfinite(windows))
    if len(too_large):
        window, step, feature = too_large[0]
        raise RequestError((f"windows[{window}][{step}][{feature}]", "is too large for a 32-bit float"))
    return windows


def read_moment(query: Sequence[tuple[str, str]]) -> datetime | None:
    """`as_of` of a query string. Raises RequestError for another name, and for one given twice."""
    found: datetime | None = None
    for number, (name, text) in enumerate(query):
        if name != "as_of":
            raise RequestError((name[:_MOST_ID], "is not a parameter of this request"))
        if number:
            raise RequestError((name, "is given more than once"))
        try:
            found = parse_moment(text)
        except ValueError as error:
            raise RequestError((name, str(error))) from None
    return found


def _read(model: type[RequestT], body: bytes, **context: int) -> RequestT:
    if not body.strip():
        raise RequestError((BODY, "is empty: send a JSON object"), status=400)
    try:
        return model.model_validate_json(body, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        status = 400 if details[0]["type"] == "json_invalid" else 422
        raise RequestError(*((_field(item["loc"]), _reason(item)) for item in details), status=status) from None


def _field(location: tuple[int | str, ...]) -> str:
    """("windows", 0, 3) as windows[0][3]."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:_MOST_ID]}" for part in location)
    return text.removeprefix(".") or BODY


def _reason(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ").replace("Input should", "should")
