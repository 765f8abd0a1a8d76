from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.errors import ConfigError
from config.loader import CONFIG_DIR, load_section
from config.sections.quality import QualityConfig
from config.settings import Settings
from monitoring.data_quality.daily_checks import STAGES


def _changed(tmp_path: Path, *keys: str, value: Any) -> Path:
    content = yaml.safe_load((CONFIG_DIR / "quality.yaml").read_text(encoding="utf-8"))
    target = content
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    file = tmp_path / "quality.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def test_every_quantity_with_limits_has_a_name_and_every_check_a_stage(settings: Settings) -> None:
    assert settings.quality.alerts.names.keys() == {*settings.thresholds.sensors, *settings.thresholds.derived}
    assert set(STAGES) == set(type(settings.quality.checks).model_fields)


def test_a_limit_passes_on_its_own_side_and_at_the_limit(settings: Settings) -> None:
    most, least = settings.quality.checks.consistency_duplicates, settings.quality.checks.completeness_readings
    assert [most.passes(value) for value in (0.01, 0.02, 0.03)] == [True, True, False]
    assert [least.passes(value) for value in (0.94, 0.95, 1.0)] == [False, True, True]


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("alerts", "group_minutes", "value"), 50, "must divide a day"),
        (("alerts", "normal_readings", "value"), 2.5, "whole number"),
        (("alerts", "most_per_window", "value"), 0, "whole number"),
        (("checks", "accuracy_of_everything"), {}, "accuracy_of_everything"),
        (("checks", "consistency_gold", "limit_is"), "about", "limit_is"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused_with_its_key(tmp_path: Path, keys: tuple[str, ...], value: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_section(_changed(tmp_path, *keys, value=value), QualityConfig, {})
