"""Rows of the warehouse and of the reports: what a prediction, a compressor, an event looks like outside Spark.

Field names are the table's column names, in the table's order. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any, Final, Literal

from serving.assessment import Health, Status, urgency_of

# the warehouse keeps a partition for every month that is written
_FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_END: Final = datetime(2100, 1, 1, tzinfo=UTC)

ScoredBy = Literal["batch", "service"]

# What `score` reports of a prediction, in this order.
REPORTED: Final = (
    "compressor_id",
    "status",
    "data_faults",
    "rul_days",
    "rul_lower_days",
    "rul_upper_days",
    "failure_probability",
    "confidence_score",
    "act_by",
    "expected_saving_usd",
    "horizon_days",
    "reasons",
)
# What it reports of the last usable prediction of a compressor that has no numbers now.
LAST_USABLE: Final = (
    "prediction_timestamp",
    "age_hours",
    "rul_days",
    "rul_days_now",
    "rul_lower_days",
    "rul_upper_days",
    "failure_probability",
    "health",
    "act_by",
    "model_version",
)


@dataclass(frozen=True)
class StationRow:
    """A compressor station; only the id is known of one that fleet.yaml does not list."""

    station_id: str
    basin: str | None = None
    town: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class Compressor:
    """A compressor; `horsepower` is the rated one. `retired_at` is None while it is in service."""

    compressor_id: str
    model: str
    horsepower: float | None
    install_date: date | None
    station_id: str | None
    retired_at: datetime | None = None
    retired_by: str | None = None


@dataclass(frozen=True)
class MaintenanceEvent:
    """A maintenance event; `event_type` is one of contract.EVENT_TYPES. `withdrawn_at` is None while it counts."""

    compressor_id: str
    event_date: datetime
    event_type: str
    description: str | None = None
    downtime_hours: float | None = None
    severity: str | None = None
    cost_usd: float | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None


@dataclass(frozen=True)
class QualityMetric:
    """One number about the data of one run; `passed` is None when it was measured but not judged."""

    metric_timestamp: datetime
    stage: str
    metric_name: str
    metric_value: float
    passed: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EdgeExport:
    """A folder for the edge: the SHA-256 of its SHA256SUMS, and the model in it."""

    digest: str
    model_version: str
    model_sha256: str
    folder: str
    exported_at: datetime


@dataclass(frozen=True)
class Prediction:
    """What the model says of one compressor at `prediction_timestamp`; every number is None unless `status` is ok.

    `failure_probability` is for a failure within `horizon_days`; `confidence_score` falls as the interval widens.
    `act_by` is the day (UTC) a repair is due and `expected_saving_usd` what it saves (serving.prediction.repair_cost); None also where none is due yet.
    """

    compressor_id: str
    prediction_timestamp: datetime
    model_version: str
    status: Status
    rul_days: float | None
    rul_lower_days: float | None
    rul_upper_days: float | None
    failure_probability: float | None
    confidence_score: float | None
    health: Health | None
    horizon_days: float
    reasons: list[str]
    features_used: Mapping[str, Any]
    act_by: date | None
    expected_saving_usd: float | None
    data_faults: list[dict[str, Any]] = field(default_factory=list)  # sensor, fault, since, detail (serving.prediction.data_faults)


@dataclass(frozen=True, kw_only=True)
class LatestPrediction(Prediction):
    """A compressor's newest prediction as it stands at the moment it is asked for.

    Where the newest has no numbers, this is the last one that has, with its own `prediction_timestamp`, unless the compressor was mended after
    its window began; `status`, the first `reasons` and `data_faults` are then the newest's, and `health` goes by `rul_days_now`.
    """

    status_timestamp: datetime  # when the compressor was last scored: the status is of then
    age_hours: float  # from prediction_timestamp until the asked moment
    rul_days_now: float | None  # what is left of rul_days, 0 or more


def present_moment() -> datetime:
    """Now as rows name it, UTC, in whole seconds: every report can say it, and a person can type it."""
    return datetime.now(UTC).replace(microsecond=0)


def parse_moment(text: object) -> datetime:
    """ISO 8601 text as UTC, which it is where no zone is given.

    Raises ValueError for anything else, and outside the years that the warehouse keeps.
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError("must be an ISO 8601 time such as 2026-03-09T05:50:00Z")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not _FIRST_MOMENT <= moment < _END:
        raise ValueError(f"must be in the years {_FIRST_MOMENT.year} to {_END.year - 1} in UTC")
    return moment.astimezone(UTC)


def urgency(prediction: Prediction) -> tuple[float, float, float, str]:
    """Sort key, most urgent first (serving.assessment.urgency_of)."""
    left = prediction.rul_days_now if isinstance(prediction, LatestPrediction) else None
    return urgency_of(prediction.compressor_id, prediction.rul_days, prediction.failure_probability, left)


def report_row(prediction: Prediction) -> dict[str, Any]:
    """What every report says of a prediction."""
    return {name: getattr(prediction, name) for name in REPORTED}


def report_rows(predictions: Iterable[Prediction], last_usable: Mapping[str, LatestPrediction]) -> list[dict[str, Any]]:
    """The entries of the `score` report, most urgent first: with `last_usable`, which takes the place in the ranking of numbers that are missing."""
    rows = []
    for prediction in predictions:
        usable = last_usable.get(prediction.compressor_id)
        told = None if usable is None else {name: getattr(usable, name) for name in LAST_USABLE}
        rows.append((urgency(usable or prediction), {**report_row(prediction), "last_usable": told}))
    return [row for _, row in sorted(rows, key=itemgetter(0))]
