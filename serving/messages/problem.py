"""The problem document that answers a wrong or failed request (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel


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
