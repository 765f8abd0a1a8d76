"""Field types that messages share, and the bases of requests and answers. Times are ISO 8601; without a zone they are UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from config.errors import RequestError
from serving.schemas import parse_moment

MOST_ID: Final = 50  # characters, as compressor_metadata takes them


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TIME_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-09T05:50:00Z"]})
AskedTime = Annotated[datetime, BeforeValidator(parse_moment), _TIME_SCHEMA]
AnsweredTime = Annotated[datetime, PlainSerializer(_iso, return_type=str), _TIME_SCHEMA]


def _refuse_name(name: str) -> str:
    """End the validation at the first unknown name: a body full of them would give one error each."""
    raise RequestError((name[:MOST_ID], "is not a field of this request"))


class Request(BaseModel):
    """A JSON body."""

    # "allow" passes every unknown name to _refuse_name; "forbid" would collect them all
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, json_schema_extra={"additionalProperties": False})
    __pydantic_extra__: dict[Annotated[str, BeforeValidator(_refuse_name)], Any]


class Answer(BaseModel):
    """A JSON answer."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())
