from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from features.reference_tables.renewals import lives_between, read_renewals


def day(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


EVENTS = pl.DataFrame(
    [
        ("A", day(16), "failure", 12.0),
        ("A", day(5), "failure", 24.0),
        ("A", day(9), "inspection", 2.0),
        ("A", day(20.5), "scheduled", 0.0),
        ("B", day(29.5), "unscheduled", None),
        ("C", day(3), "inspection", 1.0),
    ],
    schema={
        "compressor_id": pl.String,
        "event_date": pl.Datetime("us", "UTC"),
        "event_type": pl.String,
        "downtime_hours": pl.Float64,
    },
    orient="row",
)


def test_lives_begin_when_the_compressor_runs_again_and_the_last_one_is_cut_when_it_was_last_seen() -> None:
    days, failed = lives_between(EVENTS, dict.fromkeys("ABC", day(30)))
    assert days.tolist() == [10.0, 4.0, 9.5, 0.5]
    assert failed.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("as_of", "began"),
    [
        (day(4), {}),  # nothing is known of the life before the first event
        (day(15), {"A": day(6)}),  # the inspection on the 9th changes nothing
        (day(16), {"A": day(16.5)}),  # stands still: known at the very moment, runs again in half a day
        (day(25), {"A": day(20.5)}),
        (day(30), {"A": day(20.5), "B": day(29.5)}),
    ],
)
def test_a_life_begins_with_the_last_renewal_that_was_known_by_then(as_of: datetime, began: dict[str, datetime]) -> None:
    assert read_renewals(EVENTS).at(["A", "B", "C", "nobody"], as_of) == began


def test_ages_of_every_hour_are_those_of_each_moment() -> None:
    renewals, first = read_renewals(EVENTS), day(4) + timedelta(minutes=30)
    ages = renewals.ages("A", first, 24 * 20)
    for hour in range(0, 24 * 20, 5):
        moment = first + timedelta(hours=hour)
        begun = renewals.at(["A"], moment).get("A")
        expected = np.nan if begun is None else max((moment - begun) / timedelta(days=1), 0.0)
        assert ages[hour] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(ages[0])
    assert ages[24 * 12] == 0.0  # half past midnight on the 16th: it stands still until noon
    assert np.isnan(renewals.ages("C", first, 3)).all()


def test_a_service_while_a_machine_stands_still_does_not_begin_its_life_earlier() -> None:
    down = pl.DataFrame([("A", day(5), "failure", 48.0), ("A", day(6), "scheduled", 0.0)], schema=EVENTS.schema, orient="row")
    assert read_renewals(down).at(["A"], day(8)) == {"A": day(7)}


def test_no_event_tells_of_no_life() -> None:
    assert read_renewals(EVENTS.clear()).at(["A"], day(30)) == {}
    assert [len(part) for part in lives_between(EVENTS.clear(), {"A": day(30)})] == [0, 0]


def test_each_compressor_is_seen_to_an_end_of_its_own_and_what_was_recorded_of_later_days_does_not_count() -> None:
    days, failed = lives_between(EVENTS, {"A": day(18), "B": day(29)})
    assert (days.tolist(), failed.tolist()) == ([10.0, 1.5], [True, False])  # the service of the 20th came after it was last seen
    ahead = pl.DataFrame(
        [("A", day(5), "failure", 0.0), ("A", datetime(9999, 12, 31, tzinfo=UTC), "scheduled", 9.0)], schema=EVENTS.schema, orient="row"
    )
    assert lives_between(ahead, {"A": day(30)})[0].tolist() == [25.0]
    assert lives_between(EVENTS, {})[0].tolist() == []


@pytest.mark.parametrize(
    ("incident", "lives"),
    [
        ([(16.0, "failure", 12.0), (16.01, "failure", 12.0)], [(10.0, True), (13.49, False)]),  # written twice
        ([(16.0, "unscheduled", 1.0), (16.5, "failure", 12.0)], [(10.0, True), (13.0, False)]),  # a repair that did not help
        ([(16.0, "failure", 240.0), (18.0, "scheduled", 0.0)], [(10.0, True), (4.0, False)]),  # a service while it stands still
        ([(16.0, "scheduled", 0.0), (17.5, "failure", 0.0)], [(10.0, False), (1.5, True), (12.5, False)]),  # a life of its own
    ],
)
def test_events_within_a_day_are_one_incident(incident: list[tuple[float, str, float]], lives: list[tuple[float, bool]]) -> None:
    rows = [("A", day(5), "failure", 24.0), *(("A", day(at), kind, down) for at, kind, down in incident)]
    days, failed = lives_between(pl.DataFrame(rows, schema=EVENTS.schema, orient="row"), {"A": day(30)})
    assert days == pytest.approx([life for life, _ in lives])
    assert failed.tolist() == [failure for _, failure in lives]


def test_a_failure_just_after_the_first_service_makes_no_failed_life_of_one_that_nobody_saw_begin() -> None:
    rows = [("A", day(5), "scheduled", 0.0), ("A", day(5.2), "failure", 0.0)]
    days, failed = lives_between(pl.DataFrame(rows, schema=EVENTS.schema, orient="row"), {"A": day(30)})
    assert (days.tolist(), failed.tolist()) == ([pytest.approx(24.8)], [False])


@pytest.mark.parametrize("hours", [float("nan"), float("inf"), -5.0, 1e300, None])
def test_a_downtime_that_is_none_counts_as_nothing_in_a_lake_that_took_it(hours: float | None) -> None:
    odd = pl.DataFrame([("A", day(5), "failure", hours)], schema=EVENTS.schema, orient="row")
    assert read_renewals(odd).at(["A"], day(8)) == {"A": day(5)}
    assert lives_between(odd, {"A": day(8)})[0].tolist() == [3.0]
