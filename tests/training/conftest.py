"""What the suites of training share: a small configuration, and one fitted network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.loader import CONFIG_DIR, load_section
from config.sections.model import ModelConfig

if TYPE_CHECKING:  # the edit loop has no TensorFlow
    from tests.training.small_network import Fitted


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    """The shipped configuration with a network and a fit that take seconds."""
    small = {
        "network.lstm_units": [8, 8],  # two layers: one is the simpler case
        "network.dense_units": 8,
        "network.dropout": 0.0,
        "fit.epochs": 8,
        "fit.batch_size": 64,
        "baseline.max_iter": 30,
    }
    return load_section(
        CONFIG_DIR / "model_config.yaml",
        ModelConfig,
        overrides=small | {"fit.learning_rate": 0.02, "baseline.learning_rate": 0.3},
    )


@pytest.fixture(scope="session")
def fitted(config: ModelConfig) -> Fitted:
    """The network fitted with seed 1."""
    from tests.training.small_network import fit_small

    return fit_small(config, seed=1)
