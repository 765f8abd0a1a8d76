"""The shipped protocol."""

from __future__ import annotations

import pytest

from config.sections.evaluation import EvaluationConfig, ProtocolSection
from config.settings import Settings


@pytest.fixture(scope="session")
def evaluation(settings: Settings) -> EvaluationConfig:
    return settings.evaluation


@pytest.fixture(scope="session")
def protocol(evaluation: EvaluationConfig) -> ProtocolSection:
    return evaluation.protocol
