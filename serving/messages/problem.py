"""The problem document that answers a wrong or failed request (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """A field of the request, and what is wrong with it."""

    field: str = Field(description="The field, parameter or header.")
    detail: str = Field(description="What is wrong with it, for people.")


class Problem(BaseModel):
    """A problem document, application/problem+json (RFC 9457)."""

    type: str = Field("about:blank", description="The kind of problem: `about:blank` means that `status` tells it.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, where, and what to do, for people.")
    request_id: str = Field(description="The request's id. Every log line of the service about this request has it.")
    errors: list[FieldProblem] = Field([], description="The first wrong fields.")
    errors_total: int = Field(0, description="All wrong fields, count.")
    state: str | None = Field(None, description="With status 409: the present state of what was to be changed.")
    allowed: list[str] | None = Field(None, description="With status 409: what that state allows.")
