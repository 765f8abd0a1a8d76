"""The shipped rules of sensor health."""

from __future__ import annotations

import pytest

from config.settings import Settings
from features.sensor_health.settings import HealthRules


@pytest.fixture(scope="session")
def health(settings: Settings) -> HealthRules:
    return HealthRules.of(settings.quality.sensor_health, settings.thresholds)
