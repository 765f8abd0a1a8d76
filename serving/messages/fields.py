"""Field types that messages share, and the bases of requests and answers. Times are ISO 8601; without a zone they are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from config.errors import RequestError
from serving.schemas import parse_moment

MOST_ID: Final = 50  # characters, as compressor_metadata takes them
_MOST_NAME: Final = 100
_MOST_NOTE: Final = 2000


def _asked(moment: object) -> datetime:
    """Of a request: text. A program with this module may also give a datetime; without a zone it is UTC."""
    return parse_moment(moment.isoformat() if isinstance(moment, datetime) else moment)


def without_nul(text: str) -> str:
    """PostgreSQL stores every character but this one."""
    if "\x00" in text:
        raise ValueError("must not have a NUL character")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


_TIME_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-09T05:50:00Z"]})
AskedTime = Annotated[datetime, BeforeValidator(_asked), _TIME_SCHEMA]
AnsweredTime = Annotated[datetime, _TIME_SCHEMA]  # UTC already
Identifier = Annotated[str, Field(min_length=1, max_length=MOST_ID), AfterValidator(without_nul)]
Name = Annotated[str, Field(min_length=1, max_length=_MOST_NAME), AfterValidator(without_nul), AfterValidator(_not_blank)]
Note = Annotated[str, Field(min_length=1, max_length=_MOST_NOTE), AfterValidator(without_nul), AfterValidator(_not_blank)]


def _refuse_name(name: str) -> str:
    """End the validation at the first unknown name: a body full of them would give one error each."""
    raise RequestError((name[:MOST_ID], "is not a field of this request"))


class Request(BaseModel):
    """A JSON body."""

    # "allow" passes every unknown name to _refuse_name; "forbid" would collect them all
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, json_schema_extra={"additionalProperties": False})
    __pydantic_extra__: dict[Annotated[str, BeforeValidator(_refuse_name)], Any]


class Query(BaseModel):
    """The parameters of a query string. Each may be left out and is given at most once."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class MomentQuery(Query):
    """A question about one moment."""

    as_of: AskedTime | None = Field(None, description="What counts as now, ISO 8601, UTC without a zone. Without it, the home's present.")


class PageQuery(MomentQuery):
    """A question about one moment that is answered in pages."""

    limit: int | None = Field(None, ge=1, le=10_000, description="The most entries of the answer. Without it, all.")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="How many entries to leave out before the first one.")


class Answer(BaseModel):
    """A JSON answer."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())


class MomentAnswer(Answer):
    """An answer about one moment."""

    as_of: AnsweredTime = Field(description="The moment that the answer is about, UTC.")
    is_replay: bool = Field(description="Whether the home replays the past: its present is a past moment, not the clock's now.")
