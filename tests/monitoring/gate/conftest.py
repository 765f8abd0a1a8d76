"""The gate of the tests: the shipped thresholds, fewer resamples."""

from __future__ import annotations

import pytest

from config.loader import CONFIG_DIR, load_section
from config.sections.retraining import GateSection, RetrainingConfig


@pytest.fixture(scope="module")
def gate() -> GateSection:
    return load_section(CONFIG_DIR / "retraining.yaml", RetrainingConfig, {}).gate.model_copy(update={"resamples": 2000})
