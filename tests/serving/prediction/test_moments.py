"""Moments that may be asked for: none of the future, except in a replay that readings reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import MomentError, NotReadyError, RequestError
from config.settings import load_settings
from serving.api.backend import Backend, ServiceParts
from serving.api.champion import ChampionSource
from serving.prediction.moments import require_reached
from tests.serving.gold import gold_row, write_gold

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SKEW = timedelta(minutes=10)


def _nobody_asks() -> datetime | None:
    raise AssertionError("no reading decides about a moment that is not in the future")


@pytest.mark.parametrize("moment", [NOW - timedelta(days=900), NOW, NOW + SKEW])
def test_a_moment_up_to_the_clock_skew_needs_no_reading(moment: datetime) -> None:
    require_reached(moment, NOW, SKEW, _nobody_asks)


@pytest.mark.parametrize("newest", [None, NOW - timedelta(days=9), NOW])
def test_a_moment_after_the_clock_and_the_readings_is_refused(newest: datetime | None) -> None:
    with pytest.raises(MomentError, match=r"^2026-03-09T12:10:01Z is in the future"):
        require_reached(NOW + SKEW + timedelta(seconds=1), NOW, SKEW, lambda: newest)


def test_a_replay_of_readings_that_lie_in_the_future_is_allowed_up_to_the_newest() -> None:
    newest = NOW + timedelta(days=300)
    require_reached(newest + SKEW, NOW, SKEW, lambda: newest)
    with pytest.raises(MomentError, match="the newest reading is from 2027-01-03T12:00:00Z: choose an earlier moment, or none for now"):
        require_reached(newest + SKEW + timedelta(seconds=1), NOW, SKEW, lambda: newest)


def test_the_service_goes_by_its_clock_and_by_gold(tmp_path: Path) -> None:
    def missing(*_: object) -> Any:
        raise NotReadyError("nothing is there")

    gold = write_gold(tmp_path / "gold", [gold_row("C-1", NOW)])
    parts = ServiceParts(ChampionSource(missing, missing), missing, lambda: gold, missing, missing, missing, missing)
    backend = Backend(parts, load_settings(tmp_path, environ={}).serving, SKEW, clock=lambda: NOW - timedelta(days=2))
    for moment in (None, NOW - timedelta(days=2), NOW + SKEW):
        with pytest.raises(NotReadyError), backend.at(moment):  # the moment is allowed, the warehouse is missing
            pass
    with pytest.raises(RequestError) as refused, backend.at(NOW + timedelta(hours=1)):
        pass
    assert [field for field, _ in refused.value.problems] == ["as_of"]
