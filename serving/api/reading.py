"""Reads what a request carries: a JSON body or a query string. What is wrong raises RequestError and names the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import numpy as np
from pydantic import ValidationError

from config.errors import RequestError
from config.sections.serving import LimitsSection
from features.arrays import Float32s
from serving.messages.fields import MOST_ID, Query, Request
from serving.messages.scoring import PredictRequest, ScoreRequest

BODY: Final = "body"
_ID_BYTES: Final = 6 * MOST_ID + 4  # in JSON: \uXXXX for every character; quotes, comma, blank
_SCORE_BYTES: Final = 1024  # of the rest of a ScoreRequest

RequestT = TypeVar("RequestT", bound=Request)
QueryT = TypeVar("QueryT", bound=Query)


def most_score_bytes(limits: LimitsSection) -> int:
    """Bytes of the largest valid body of POST /v1/score, however its ids are written."""
    return limits.most_compressors * _ID_BYTES + _SCORE_BYTES


def read_score(body: bytes, limits: LimitsSection) -> ScoreRequest:
    """The body of POST /v1/score. Raises RequestError."""
    request = read_body(ScoreRequest, body, most_compressors=limits.most_compressors)
    seen: dict[str, int] = {}
    for number, compressor_id in enumerate(request.compressor_ids or []):
        if seen.setdefault(compressor_id, number) != number:
            raise RequestError((f"compressor_ids[{number}]", f"is the same as compressor_ids[{seen[compressor_id]}]"))
    return request


def read_predict(body: bytes, limits: LimitsSection) -> Float32s:
    """The body of POST /v1/predict as [n, 24, 24] float32, NaN for null. Raises RequestError."""
    request = read_body(PredictRequest, body)
    if len(request.windows) > limits.most_windows:
        reason = f"has {len(request.windows)} windows; one request may have {limits.most_windows}"
        raise RequestError(("windows", reason), status=413)
    with np.errstate(over="ignore"):  # checked below
        return require_finite(np.asarray(request.windows, np.float64).astype(np.float32))


def require_finite(windows: Float32s) -> Float32s:
    """The windows [n, steps, features], NaN where missing. Raises RequestError for a value that is infinite, or was too large."""
    too_large = np.argwhere(np.isinf(windows))
    if len(too_large):
        window, step, feature = too_large[0]
        raise RequestError((f"windows[{window}][{step}][{feature}]", "is too large for a 32-bit float"))
    return windows


def read_query(model: type[QueryT], items: Sequence[tuple[str, str]]) -> QueryT:
    """The parameters of a query string. Raises RequestError, also for another name, and for one given twice."""
    given: dict[str, str] = {}
    for name, text in items:
        if name not in model.model_fields:
            raise RequestError((name[:MOST_ID], "is not a parameter of this request"))
        if name in given:
            raise RequestError((name, "is given more than once"))
        given[name] = text
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refused(error, 422) from None


def read_body(model: type[RequestT], body: bytes, **context: int) -> RequestT:
    """A JSON body. Raises RequestError."""
    if not body.strip():
        raise RequestError((BODY, "is empty: send a JSON object"), status=400)
    try:
        return model.model_validate_json(body, context=context)
    except ValidationError as error:
        raise _refused(error, 400 if error.errors()[0]["type"] == "json_invalid" else 422) from None


def _refused(error: ValidationError, status: int) -> RequestError:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestError(*((_field(item["loc"]), _reason(item)) for item in details), status=status)


def _field(location: tuple[int | str, ...]) -> str:
    """("windows", 0, 3) as windows[0][3]."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:MOST_ID]}" for part in location)
    return text.removeprefix(".") or BODY


def _reason(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ").replace("Input should", "should")
