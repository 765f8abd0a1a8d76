from __future__ import annotations

from datetime import UTC, datetime, timedelta

from features.lake import Interval
from pipelines.lakehouse.warehouse_sync import hours_within

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_no_pass_covers_the_years_between_a_stray_reading_and_the_data() -> None:
    long_ago = NOON - timedelta(days=3650)
    plain, stray = Interval(NOON, NOON + 72 * HOUR), Interval(long_ago, long_ago + 24 * HOUR)
    everything = [Interval(long_ago, NOON + 72 * HOUR)]
    assert [len(hours_within(everything, reach)) for reach in ([plain], [stray, plain])] == [3, 4]


def test_passes_are_full_hours_that_never_overlap() -> None:
    reach = [Interval(NOON, NOON + 30 * HOUR)]
    wanted = [Interval(NOON - HOUR, NOON + timedelta(minutes=90)), Interval(NOON + timedelta(minutes=100), NOON + 40 * HOUR)]
    assert hours_within(wanted, reach) == [
        Interval(NOON, NOON + 2 * HOUR),
        Interval(NOON + 2 * HOUR, NOON + 26 * HOUR),
        Interval(NOON + 26 * HOUR, NOON + 31 * HOUR),
    ]
