"""A part of the service that may be missing or stop working. It is opened when needed, and opened again after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Generic, TypeVar

from config.errors import AltavizError, NotReadyError
from config.logs import get_log, place_of

PartT = TypeVar("PartT")


class Recovering(Generic[PartT]):
    """One part, shared by all threads. While it is missing, a thread that needs it tries to open it, at most every `retry_s`.

    No thread waits for another.
    """

    def __init__(
        self, name: str, part: Callable[[], AbstractContextManager[PartT]], retry_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """The context manager `part` opens and closes it. Its AltavizError gives the reason in one line."""
        self._name = name
        self._open = part
        self._retry_s = retry_s
        self._clock = clock
        self._lock = threading.Lock()
        self._value: PartT | None = None
        self._stack = ExitStack()
        self._missing: AltavizError | None = None
        self._next_look = 0.0
        self._closed = False

    @property
    def found(self) -> PartT | None:
        """The part if it is open. Does not open it."""
        return self._value

    @property
    def missing(self) -> AltavizError | None:
        """Why the last attempt failed. None after success, and before the first attempt."""
        return self._missing

    def get(self) -> PartT:
        """The part. Raises the AltavizError of the last attempt, or NotReadyError."""
        value = self._value
        if value is not None:
            return value
        if not self._lock.acquire(blocking=False):
            raise self._missing or NotReadyError(f"the {self._name} is being opened: try again in a moment")
        try:
            return self._look()
        finally:
            self._lock.release()

    def discard(self, value: PartT, why: AltavizError) -> None:
        """Close `value`, which stopped working. The next `get` opens a new one. The log has `why`, once."""
        with self._lock:
            if self._value is value:
                get_log().warning("part lost", part=self._name, reason=str(why))
                self._drop()
                self._missing = _again(why)

    def swap(self, former: PartT, value: PartT) -> bool:
        """Put `value` in place of `former`, unless that is not the open part any more. Returns whether it was done.

        No `get` in between fails. Who uses `former` may go on: it is closed where its context manager says so.
        """
        with self._lock:
            if self._closed or self._value is not former:
                return False
            self._value = value
            self._leave()
            return True

    def close(self) -> None:
        """Close the part for good, after an attempt that is under way."""
        with self._lock:
            self._closed = True
            self._drop()

    def _look(self) -> PartT:
        if self._value is not None:
            return self._value
        if self._closed:
            raise NotReadyError(f"the {self._name} is closed: the service is stopping")
        if self._missing is not None and self._clock() < self._next_look:
            raise _again(self._missing)
        try:
            self._value = self._stack.enter_context(self._open())
        except Exception as error:
            missing = error if isinstance(error, AltavizError) else NotReadyError(f"the {self._name} cannot be opened: see the log")
            if str(missing) != str(self._missing):  # logged once, not at every attempt
                place = {} if isinstance(error, AltavizError) else place_of(error)
                get_log().warning("part missing", part=self._name, reason=str(error), **place)
            self._missing = _again(missing)
            self._next_look = self._clock() + self._retry_s
            raise _again(missing) from error
        get_log().info("part opened", part=self._name)
        self._missing = None
        return self._value

    def _drop(self) -> None:
        self._value = None
        self._leave()

    def _leave(self) -> None:
        """End the context manager of the part that was open."""
        stack, self._stack = self._stack, ExitStack()
        try:
            stack.close()
        except Exception as error:
            get_log().warning("part did not close", part=self._name, reason=str(error))


def _again(error: AltavizError) -> AltavizError:
    """The same error without the frames that it has been raised through."""
    return type(error)(str(error))
