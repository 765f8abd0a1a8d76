"""What Prometheus reads of the service. Labels come from fixed lists: no request can make a new series."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "Metrics"]

_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("altaviz_requests", "Answered requests", ["route", "status"], registry=self._registry)
        self.seconds = Histogram(
            "altaviz_request_seconds",
            "From a request's first byte to its answer's last",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self.in_flight = Gauge("altaviz_requests_in_flight", "Requests being answered or waiting", registry=self._registry)
        self.windows = Counter("altaviz_windows_predicted", "Windows that /v1/predict answered", registry=self._registry)
        self.predictions = Counter("altaviz_predictions", "Predictions that /v1/score made", ["status"], registry=self._registry)
        self.written = Counter("altaviz_predictions_written", "Rows of ml_predictions inserted or changed", registry=self._registry)
        self._model = Gauge("altaviz_model_info", "1 for the champion in use", ["version"], registry=self._registry)
        self._refused = Gauge(
            "altaviz_champion_refused", "1 while the champion's file is not the one that was decided on", registry=self._registry
        )
        self._behind = Gauge(
            "altaviz_champion_behind",
            "1 while a former champion answers, because the registry's cannot be used",
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def text(self, model_version: str | None, *, is_refused: bool, is_behind: bool) -> bytes:
        """All numbers in Prometheus' text format."""
        self._refused.set(is_refused)
        self._behind.set(is_behind)
        self._model.clear()
        if model_version is not None:
            self._model.labels(model_version).set(1)
        return bytes(generate_latest(self._registry))
