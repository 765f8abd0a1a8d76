"""Loads the running service with requests for one compressor at a time: `altaviz benchmark compressor`."""

from __future__ import annotations

import random
from typing import Any, Final

import psutil

from benchmarks.serving import Call, run_load
from config.errors import NoDataError
from config.settings import Settings
from pipelines.benchmarking.serving import running_service
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten

_KIND: Final = "one compressor"
_SEED: Final = 5
_WARM_UP_REQUESTS: Final = 200  # plans and caches of all connections


def one_compressor(settings: Settings, minutes: float, rate: float, report: StageReporter) -> dict[str, Any]:
    """Ask the service of this home for random compressors by id, `rate` a second for `minutes`.

    Returns load (benchmarks.serving.Load.report) and p99_to_p50, the 99th percentile of the latency by its median.
    Raises NoDataError, ModelError (the service does not start).
    """
    quieten()
    draw = random.Random(_SEED)  # noqa: S311 - a reproducible order
    with report.stage("start the service"), running_service(settings) as (client, process):
        fleet = client.get("/v1/fleet").raise_for_status().json()
        ids = [row["compressor_id"] for row in fleet["compressors"]]
        if not ids:
            raise NoDataError("no compressor is in service: run `altaviz demo`, or ingest readings first")
        for number in range(_WARM_UP_REQUESTS):
            client.get(f"/v1/compressors/{ids[number % len(ids)]}").raise_for_status()

        def call(_: int) -> Call:
            return Call(_KIND, "GET", f"/v1/compressors/{draw.choice(ids)}")

        with report.stage("load") as advance:
            load = run_load(str(client.base_url), psutil.Process(process.pid), call, rate, minutes * 60, advance).report()
    latency = load["latency_ms"][_KIND]
    return {
        "compressors": len(ids),
        "minutes": minutes,
        "rate": rate,
        "load": load,
        "p99_to_p50": round(latency["p99"] / latency["p50"], 2),
    }
