"""Access to the service: the key, the host names, the origin of a browser's page, and proxies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers

from config.addresses import is_loopback, literal_of, read_host
from config.errors import RequestError
from config.sections.serving import ListenSection
from serving.access.keyring import Caller, Keyring

_ORIGIN: Final = re.compile(r"https?://(?P<host>[^/]*)")
# What reverse proxies add, each its own.
_FORWARDING: Final = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip"}
)
_FORWARDING_START: Final = ("x-forwarded", "x-envoy-")
_ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - to listen on, not to call


@dataclass(frozen=True)
class Access:
    """What a request must carry. While there is no key, only this machine may ask."""

    keyring: Keyring
    hosts: frozenset[str]  # beside the loopback and the address that a request came in on; count only where a key is needed

    @classmethod
    def of(cls, listen: ListenSection, keyring: Keyring, host: str | None = None) -> Access:
        """As configured; `host` is the address that the service listens on."""
        name = read_host(host or listen.host)
        own = [name] if name and name != _ANY_ADDRESS else []
        return cls(keyring, frozenset({*listen.hosts, *own}))

    def caller(self, headers: Headers) -> Caller:
        """Who sends a request, by the key that it carries. Raises RequestError without a right one, NotReadyError while keys are unknown."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self.keyring.caller_of(token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", ""))

    def refusal(self, headers: Headers, address: str | None) -> RequestError | None:
        """Why a request is refused, whatever it asks for. It came in on `address` of this machine.

        A page of a foreign site can point its own name at this machine (DNS rebinding). The browser then sends that name.
        """
        given = headers.getlist("host")
        name = read_host(given[0]) if len(given) == 1 else None
        if name is None:
            return RequestError(("Host", "must be given once: the service's name or address, with or without a port"), status=400)
        is_open = self.keyring.is_open
        if not self._is_own(name, address, is_open=is_open):
            return RequestError(("Host", _unknown_host(is_open=is_open)), status=HTTPStatus.MISDIRECTED_REQUEST)
        for origin in headers.getlist("origin"):
            found = _ORIGIN.fullmatch(origin)
            page = read_host(found["host"]) if found else None
            if page is None or not self._is_own(page, address, is_open=is_open):
                return RequestError(
                    ("Origin", "is a page of another site: only the service's own pages may send requests"), status=HTTPStatus.FORBIDDEN
                )
        return _refusal_without_key(headers) if is_open else None

    def _is_own(self, host: str, address: str | None, *, is_open: bool) -> bool:
        if is_loopback(host):
            return True
        return not is_open and (host in self.hosts or (address is not None and host == literal_of(address)))


def _unknown_host(*, is_open: bool) -> str:
    if is_open:
        return "must be localhost, 127.0.0.1 or [::1]: without a key the service answers only this machine"
    return "is not a name of this service: use its address, or list the name in ALTAVIZ_HOSTS on its machine"


def _refusal_without_key(headers: Headers) -> RequestError | None:
    """Why a request cannot come from a program of this machine, although its connection does."""
    for name in headers:
        if name in _FORWARDING or name.startswith(_FORWARDING_START):
            reason = "is a proxy's header: behind a proxy the service needs a key (ALTAVIZ_API_KEY, or `altaviz keys create`)"
            return RequestError((name, reason), status=HTTPStatus.FORBIDDEN)
    if headers.get("sec-fetch-site") == "cross-site":
        return RequestError(
            ("Sec-Fetch-Site", "is a page of another site: only the service's own pages may send requests"), status=HTTPStatus.FORBIDDEN
        )
    return None
