"""Looks for changes beside the requests: a thread that calls one function again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from config.errors import AltavizError
from config.logs import get_log, place_of


class Watch:
    """Calls `look` at once and then every `every_s` seconds; `retry_s` after a failure, which ends nothing."""

    def __init__(self, name: str, look: Callable[[], None], every_s: float, retry_s: float) -> None:
        self._name = name
        self._look = look
        self._every_s = every_s
        self._retry_s = min(retry_s, every_s)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {name}", daemon=True)
        self._reason: str | None = None  # of the last failure; None after success

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self, within_s: float | None = None) -> None:
        """End after the look that is under way. After `within_s` seconds it is left to end by itself."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def look_once(self) -> bool:
        """Look now. Returns whether it succeeded; a failure is logged once for each reason."""
        try:
            self._look()
        except Exception as error:
            if str(error) != self._reason:
                place = {} if isinstance(error, AltavizError) else place_of(error)
                get_log().warning("watch failed", watch=self._name, reason=str(error), **place)
            self._reason = str(error)
            return False
        self._reason = None
        return True

    def _run(self) -> None:
        wait_s = 0.0
        while not self._ended.wait(wait_s):
            wait_s = self._every_s if self.look_once() else self._retry_s
