"""The checks of data quality in a planner's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from config.sections.quality import CheckLimit
from serving.dashboard.display.formatting import DASH
from serving.dashboard.display.table import Column
from serving.dashboard.queries.data import CheckResult, SensorFault

DIMENSIONS: Final = ("freshness", "completeness", "consistency", "accuracy")
_MOST_NAMED: Final = 5
_NAMED: Final = ("failing", "worst", "hours_since_reading", "by_reason", "by_fault", "by_sensor")  # details that hold numbers by name


def dimension_of(metric_name: str) -> str:
    """`freshness` of `freshness_late_compressors`."""
    return metric_name.partition("_")[0]


def title_of(metric_name: str) -> str:
    """`Freshness: late compressors`."""
    dimension, _, rest = metric_name.partition("_")
    return f"{dimension.capitalize()}: {rest.replace('_', ' ')}"


def outcome(passed: bool | None) -> str:
    """A verdict as a word."""
    return "not judged" if passed is None else "passed" if passed else "failed"


def share(value: float) -> str:
    """A share in percent with the digits that small shares need."""
    percent = value * 100
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.2f} %"


def limit_text(result: CheckResult) -> str:
    """`at most 2.00 %`."""
    limit, limit_is = result.details.get("limit"), result.details.get("limit_is")
    return DASH if limit is None or limit_is is None else f"at {limit_is} {share(float(limit))}"


def explanation(details: Mapping[str, Any]) -> str:
    """What stands out in the details: the names with the largest numbers."""
    parts = []
    for name in _NAMED:
        found = details.get(name)
        if not isinstance(found, Mapping):
            continue
        numbers = {str(key): value for key, value in found.items() if isinstance(value, int | float) and value}
        bare = [str(key) for key, value in found.items() if value is None]
        worst = sorted(numbers.items(), key=lambda item: -abs(item[1]))
        told = [f"{key} {value:g}" for key, value in worst[:_MOST_NAMED]] + bare[: _MOST_NAMED - len(worst[:_MOST_NAMED])]
        more = len(numbers) + len(bare) - len(told)
        if told:
            parts.append(", ".join(told) + (f" and {more} more" if more else ""))
    return "; ".join(parts)


def check_columns(limits: Mapping[str, CheckLimit]) -> list[Column[CheckResult]]:
    """Check, verdict, value, limit, what stands out, and what the check means."""
    return [
        Column("Check", lambda row: row.metric_name, lambda row: title_of(row.metric_name)),
        Column("Outcome", lambda row: outcome(row.passed), lambda row: _badge(row.passed)),
        Column("Value", lambda row: row.metric_value, lambda row: share(row.metric_value), number=True),
        Column("Limit", limit_text),
        Column("Stands out", lambda row: explanation(row.details) or None, wide=True),
        Column("Of", lambda row: row.details.get("unit"), in_page=False),
        Column("Meaning", lambda row: limits[row.metric_name].description if row.metric_name in limits else None, wide=True),
    ]


def fault_columns(link_to: Callable[[str], str]) -> list[Column[SensorFault]]:
    """The faults, with a link to each compressor."""
    return [
        Column(
            "Compressor",
            lambda row: row.compressor_id,
            lambda row: Markup('<a href="{0}">{1}</a>').format(link_to(row.compressor_id), row.compressor_id),
        ),
        Column("Station", lambda row: row.station_id),
        Column("Sensor", lambda row: row.sensor),
        Column("Fault", lambda row: row.fault.replace("_", " ")),
        Column("Since", lambda row: row.since),
        Column("What is seen", lambda row: row.detail, wide=True),
    ]


def reason_columns(noun: str) -> list[Column[tuple[str, int]]]:
    """Numbers by reason."""
    return [
        Column("Reason", lambda row: row[0], lambda row: row[0].replace("_", " ")),
        Column(noun, lambda row: row[1], lambda row: f"{row[1]:,}", number=True),
    ]


def file_columns() -> list[Column[Mapping[str, Any]]]:
    """Files in quarantine."""
    return [
        Column("File", lambda row: row["file"]),
        Column("Why it was refused", lambda row: row["reason"], wide=True),
        Column("First seen", lambda row: row["first_seen"]),
        Column("Last seen", lambda row: row["last_seen"]),
        Column("Times", lambda row: row["times"], number=True),
    ]


def failed_first(results: Sequence[CheckResult]) -> list[CheckResult]:
    """By verdict, then in the order of the four dimensions."""
    places = {name: number for number, name in enumerate(DIMENSIONS)}
    return sorted(results, key=lambda row: (row.passed is not False, places.get(dimension_of(row.metric_name), 9), row.metric_name))


def _badge(passed: bool | None) -> Markup:
    look = {None: ("unknown", "?"), True: ("healthy", "●"), False: ("critical", "▲")}[passed]
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(*look, outcome(passed))
