"""Peak memory of this process and everything it started: the JVM, Spark's Python workers."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

BYTES_PER_GIB = 2**30


class PeakMemory:
    """Samples the resident memory of the process tree while its block runs.

    `peak_gib` is the largest sum. Shared pages count in each process, so it is an upper bound.
    """

    def __init__(self, interval_s: float = 0.2) -> None:
        self.peak_gib = 0.0
        self._interval_s = interval_s
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._sampler.join()

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._done.wait(self._interval_s):
            self.peak_gib = max(self.peak_gib, sum(map(_resident_bytes, [me, *me.children(recursive=True)])) / BYTES_PER_GIB)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
