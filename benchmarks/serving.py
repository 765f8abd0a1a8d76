"""A steady load on an HTTP service.

Requests leave on the clock, whether or not earlier ones have been answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
import psutil

_BYTES_PER_MIB: Final = 2**20
_MEMORY_EVERY_S: Final = 5.0
_SETTLED_SHARE: Final = 0.2  # of the run that is not looked at for a trend of memory: caches fill
_TIMEOUT_S: Final = 30.0
_QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Call:
    """One request; `content` is a JSON body."""

    kind: str
    method: str
    path: str
    content: bytes | None = None


@dataclass
class Load:
    """The result of a load.

    Latencies are in seconds by kind, from the moment a request was due. Statuses are counted. Memory is in MiB
    by second.
    """

    seconds: float = 0.0
    latency_s: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    memory_mib: list[tuple[float, float]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """requests, errors (anything but 200), rate_per_s, latency_ms by kind, memory_mib (start, end, most, mib_per_minute)."""
        requests = sum(self.statuses.values())
        return {
            "requests": requests,
            "errors": requests - self.statuses["200"],
            "statuses": dict(self.statuses),
            "rate_per_s": round(requests / self.seconds, 2),
            "latency_ms": {kind: quantiles_ms(values) for kind, values in sorted(self.latency_s.items())},
            "memory_mib": _trend(self.memory_mib),
        }


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """n, p50, p95, p99 and max of `seconds`, in milliseconds."""
    values = np.asarray(seconds) * 1000
    named = {f"p{quantile * 100:g}": round(float(np.quantile(values, quantile)), 2) for quantile in _QUANTILES}
    return {"n": len(values), **named, "max": round(float(values.max()), 2)}


def run_load(
    url: str, process: psutil.Process, call: Callable[[int], Call], rate: float, seconds: float, advance: Callable[..., None]
) -> Load:
    """Send `call(0)`, `call(1)`... to `url`, `rate` a second for `seconds`.

    Meanwhile the memory of `process` and its children is sampled.
    """
    return asyncio.run(_run(url, process, call, rate, seconds, advance))


async def _run(
    url: str, process: psutil.Process, call: Callable[[int], Call], rate: float, seconds: float, advance: Callable[..., None]
) -> Load:
    load, requests = Load(), round(rate * seconds)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, limits=limits) as client, asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(_watch(process, load))
        started = time.perf_counter()
        sent = []
        for number in range(requests):
            due = started + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            sent.append(tasks.create_task(_send(client, call(number), due, load)))
            if number % round(rate * _MEMORY_EVERY_S) == 0:
                sent = [task for task in sent if not task.done()]
                advance(number, requests, waiting=len(sent))
        await asyncio.gather(*sent)
        load.seconds = time.perf_counter() - started
        watcher.cancel()
    return load


async def _send(client: httpx.AsyncClient, call: Call, due: float, load: Load) -> None:
    headers = {"content-type": "application/json"} if call.content is not None else None
    try:
        answer = await client.request(call.method, call.path, content=call.content, headers=headers)
        status = str(answer.status_code)
    except httpx.HTTPError as error:
        status = type(error).__name__
    load.statuses[status] += 1
    load.latency_s.setdefault(call.kind, []).append(time.perf_counter() - due)


async def _watch(process: psutil.Process, load: Load) -> None:
    started = time.perf_counter()
    while True:
        resident = sum(item.memory_info().rss for item in (process, *process.children(recursive=True)))
        load.memory_mib.append((time.perf_counter() - started, resident / _BYTES_PER_MIB))
        await asyncio.sleep(_MEMORY_EVERY_S)


def _trend(samples: list[tuple[float, float]]) -> dict[str, float]:
    moments, memory = np.asarray(samples).T
    settled = moments >= _SETTLED_SHARE * moments[-1]
    slope = np.polyfit(moments[settled] / 60, memory[settled], 1)[0] if settled.sum() > 1 else 0.0
    values = {"start": memory[0], "settled": memory[settled][0], "end": memory[-1], "most": memory.max(), "mib_per_minute": slope}
    return {name: round(float(value), 2) for name, value in values.items()}
