"""Tells a request's caller by its key, from memory: no request waits for the database, and no stranger makes it work.

A running service reads the usable keys every few seconds (`refresh`). So a new key works, and a revoked one ends, within that time. While the
database is down the keys of the last reading count for `keep_s`, then none. The bootstrap key, ALTAVIZ_API_KEY, always works.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from config.errors import NotReadyError, RequestError
from serving.access.keys import id_of
from serving.access.roles import Role

_NOBODYS: Final = bytes(32)  # compared with where no key has the id, so that both answers take the same time
_USE_AGE: Final = timedelta(hours=1)  # a use is written down when the last one on record is older


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name stands beside every write."""

    key_id: str | None  # None: without a key, or with the bootstrap key
    name: str
    role: Role
    requests_per_minute: int | None  # None: no limit


@dataclass(frozen=True)
class StoredKey:
    """What tells a key, and its last use on record."""

    caller: Caller
    sha256: bytes
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class StoredKeys:
    """The usable keys, and whether there ever was one. From the first key on, nobody is answered without."""

    keys: Sequence[StoredKey]
    ever: bool


LOCAL: Final = Caller(None, "local", "admin", None)  # a program of this machine, while there are no keys
ReadKeys = Callable[[Sequence[str]], StoredKeys]  # notes the use of some keys by id, and reads all; raises AltavizError


class Keyring:
    """The keys of one service, shared by its threads."""

    def __init__(
        self,
        bootstrap: str | None,
        requests_per_minute: int,
        *,
        needs_key: bool,
        keep_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`bootstrap` is ALTAVIZ_API_KEY. With `needs_key`, a request without a key is refused even while there is none."""
        self._bootstrap = None if bootstrap is None else hashlib.sha256(bootstrap.encode()).digest()
        self._environment = Caller(None, "environment", "admin", requests_per_minute)
        self._needs_key = needs_key or bootstrap is not None
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Mapping[str, StoredKey] | None = None  # by id; None: not read yet
        self._ever = False
        self._read_at = 0.0
        self._used: set[str] = set()  # ids of `_known` whose use is to be written

    @property
    def is_open(self) -> bool:
        """Whether requests need no key: none was ever made, and only this machine reaches the service."""
        return not self._needs_key and self._known is not None and not self._ever

    @property
    def is_known(self) -> bool:
        """Whether the keys have been read."""
        return self._known is not None

    def refresh(self, read: ReadKeys) -> None:
        """Read the keys anew, and write which were used. Raises what `read` raises; the keys of before then stay."""
        with self._lock:
            used, self._used = self._used, set()
        try:
            stored = read(sorted(used))
        except Exception:
            with self._lock:
                self._used |= used
            raise
        with self._lock:
            self._known = {key.caller.key_id: key for key in stored.keys if key.caller.key_id is not None}
            self._ever = stored.ever
            self._used &= self._known.keys()
            self._read_at = self._clock()

    def caller_of(self, text: str) -> Caller:
        """Who sends the key `text` (empty: none). Raises RequestError for a key that is missing or wrong, NotReadyError while keys are unknown."""
        if self.is_open:
            return LOCAL
        digest = hashlib.sha256(text.encode("latin-1", "replace")).digest()
        if self._bootstrap is not None and hmac.compare_digest(digest, self._bootstrap):
            return self._environment
        key_id, known = id_of(text), self._known
        is_key = key_id is not None or (not text and not self._needs_key)
        if is_key and (known is None or (self._ever and self._clock() - self._read_at > self._keep_s)):
            raise NotReadyError("keys cannot be checked while the warehouse (PostgreSQL) cannot be read: try again later")
        key = None if known is None or key_id is None else known.get(key_id)
        is_right = hmac.compare_digest(digest, key.sha256 if key else _NOBODYS)
        now = datetime.now(UTC)
        if key is None or not is_right or (key.expires_at is not None and key.expires_at <= now):
            reason = "must carry a key of the service: `Bearer KEY` (or the header X-API-Key: KEY)"
            raise RequestError(("Authorization", reason), status=HTTPStatus.UNAUTHORIZED)
        if key.last_used_at is None or now - key.last_used_at > _USE_AGE:
            with self._lock:
                self._used.add(key.caller.key_id or "")
        return key.caller
