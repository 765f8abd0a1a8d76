"""The shipped model configuration loads, and what cannot be is refused with file and key."""

from __future__ import annotations

from typing import Any

import pytest

from config.errors import ConfigError
from config.loader import CONFIG_DIR, load_section
from config.sections.model import ModelConfig


def load(**overrides: Any) -> ModelConfig:
    return load_section(
        CONFIG_DIR / "model_config.yaml", ModelConfig, {}, {key.replace("__", "."): value for key, value in overrides.items()}
    )


def test_the_shipped_file_holds_what_the_design_sets() -> None:
    config = load()
    assert (config.labels.max_rul_days, config.labels.horizon_days) == (30, 3)
    assert config.export.max_abs_difference == 1e-4
    assert config.cmapss.max_rul_cycles == 125


def test_an_override_wins_over_the_file() -> None:
    assert load(fit__epochs=2).fit.epochs == 2


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"fit__epoch": 2}, "model_config.yaml with fit.epoch=2: fit.epoch: Extra inputs are not permitted"),
        ({"fit__epochs": "many"}, "model_config.yaml with fit.epochs=many: fit.epochs: Input should be a valid integer"),
        (
            {"labels__horizon_days": 30},
            "model_config.yaml with labels.horizon_days=30: labels: Value error, horizon_days must be below max_rul_days",
        ),
        ({"split__test_fraction": 0.9}, "must leave units to train on"),
    ],
)
def test_a_wrong_value_is_refused_with_file_key_and_reason(overrides: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(**overrides)
