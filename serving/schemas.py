"""Rows of the warehouse and of reports: predictions, compressors, events.

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
OrderStatus = Literal["draft", "exported", "completed", "cancelled"]
ExportFormat = Literal["csv", "maximo", "sap"]  # of a work order, for another system

# The fields of a prediction in the report of `score`, in this order.
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
# The fields of the last usable prediction, for a compressor without numbers now.
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
    """A compressor station. Without an entry in fleet.yaml, only its id is known."""

    station_id: str
    basin: str | None = None
    town: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class Compressor:
    """A compressor with its rated `horsepower`. While it is in service, `retired_at` is None."""

    compressor_id: str
    model: str
    horsepower: float | None
    install_date: date | None
    station_id: str | None
    retired_at: datetime | None = None
    retired_by: str | None = None


@dataclass(frozen=True)
class MaintenanceEvent:
    """A maintenance event, of a type in contract.EVENT_TYPES. While it counts, `withdrawn_at` is None.

    A completed work order reported it if `work_order_id` is given; else an events file did.
    """

    compressor_id: str
    event_date: datetime
    event_type: str
    description: str | None = None
    downtime_hours: float | None = None
    severity: str | None = None
    cost_usd: float | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    work_order_id: str | None = None


@dataclass(frozen=True)
class QualityMetric:
    """One number about the data of one run. A metric that is measured but not judged has `passed` None."""

    metric_timestamp: datetime
    stage: str
    metric_name: str
    metric_value: float
    passed: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EdgeExport:
    """An exported folder: the SHA-256 of its SHA256SUMS, and its model."""

    digest: str
    model_version: str
    model_sha256: str
    folder: str
    exported_at: datetime


@dataclass(frozen=True)
class Prediction:
    """The prediction for one compressor at `prediction_timestamp`. Every number is None unless `status` is ok.

    The failure probability is for a failure within `horizon_days`. The confidence score falls as the interval widens. The day (UTC) a repair is
    due is `act_by`, and that repair saves `expected_saving_usd` (serving.prediction.repair_cost). Both are None while none is due.
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
    """A compressor's newest prediction, as it stands at the moment of the query.

    If the newest has no numbers, the last prediction with numbers gives them, and its `prediction_timestamp`. A renewal after the beginning of
    its window ends that. The newest still gives `status`, the first `reasons` and `data_faults`. Health follows `rul_days_now`.
    """

    status_timestamp: datetime  # when the compressor was last scored: the status is of then
    age_hours: float  # from prediction_timestamp until the asked moment
    rul_days_now: float | None  # what is left of rul_days, 0 or more


def present_moment() -> datetime:
    """Now as rows store it: UTC in whole seconds, which a person can type."""
    return datetime.now(UTC).replace(microsecond=0)


def parse_moment(text: object) -> datetime:
    """ISO 8601 text as UTC. A text without a zone is UTC.

    Raises ValueError for anything else, and outside the years of the warehouse.
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
    """The fields of a prediction that every report shows."""
    return {name: getattr(prediction, name) for name in REPORTED}


def report_rows(predictions: Iterable[Prediction], last_usable: Mapping[str, LatestPrediction]) -> list[dict[str, Any]]:
    """The entries of the `score` report, most urgent first.

    A compressor without numbers is ranked by its entry in `last_usable`.
    """
    rows = []
    for prediction in predictions:
        usable = last_usable.get(prediction.compressor_id)
        last = None if usable is None else {name: getattr(usable, name) for name in LAST_USABLE}
        rows.append((urgency(usable or prediction), {**report_row(prediction), "last_usable": last}))
    return [row for _, row in sorted(rows, key=itemgetter(0))]
