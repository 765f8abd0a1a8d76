"""One request and its answer, as every layer of the service knows them: its id, who sent it, and what is recorded of it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from structlog.contextvars import get_contextvars

from config.errors import RequestError
from serving.access.keyring import LOCAL, Caller
from serving.warehouse.alert_log import PROGRAM

REQUEST_ID: Final = "X-Request-ID"
_LOGGED_AS: Final = "request_id"  # in every log line of the request
_SCOPE_KEY: Final = "altaviz.exchange"
_SAFE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class HasScope(Protocol):
    """A request of Starlette or FastAPI."""

    @property
    def scope(self) -> Any:
        """The ASGI scope."""


@dataclass
class Exchange:
    """Lives as long as its request."""

    request_id: str
    caller: Caller = LOCAL  # set by the guard before a route sees the request
    actor: str | None = None  # the person whom the request names
    details: dict[str, Any] = field(default_factory=dict)  # what a route wants recorded; never a secret
    is_recorded: bool = False  # in api_writes

    @property
    def recorded_actor(self) -> str:
        """Who is recorded for a write: the person named, else the key."""
        return self.actor or self.caller.name

    def acting(self, by: str | None) -> str:
        """Who acts: the person `by` if the request names one, else the name of the key. The record of writes has the same.

        Raises RequestError for the program's own name, which the logs have for what no person did.
        """
        actor = by or self.recorded_actor
        if "".join(actor.split()).casefold() == PROGRAM:
            raise RequestError(("by", f"{PROGRAM} is the program's own name in the logs: name the person who acts"))
        self.actor = by or self.actor
        return self.recorded_actor

    def log_fields(self) -> dict[str, str]:
        """What every log line of this request carries."""
        return {_LOGGED_AS: self.request_id}

    def join(self, scope: Any) -> None:
        """Let every layer that handles `scope` find this exchange."""
        scope[_SCOPE_KEY] = self


def exchange_of(request: HasScope) -> Exchange:
    """The exchange that a request belongs to."""
    found = request.scope[_SCOPE_KEY]
    assert isinstance(found, Exchange)
    return found


def request_id_from(given: str | None) -> str:
    """The sender's id if it is a plain word of at most 64 characters, else a new one."""
    return given if given is not None and _SAFE.fullmatch(given) else uuid.uuid4().hex


def present_request_id() -> str:
    """The id of the request that this thread or task works for. A new one outside of all requests."""
    return str(get_contextvars().get(_LOGGED_AS) or uuid.uuid4().hex)
