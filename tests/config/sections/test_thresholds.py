from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from config.errors import ConfigError, HomeError
from config.loader import CONFIG_DIR
from config.sections.thresholds import ThresholdsConfig
from config.settings import Settings, ensure_home, load_settings
from features.contract import SENSORS

OVERRIDE = {"Ariel JGK/4": {"vibration_mms": {"warning": {"value": 5.5, "source": "maker's service letter"}}}}


def _with_overrides(tmp_path: Path, overrides: object) -> ThresholdsConfig:
    shipped = yaml.safe_load((CONFIG_DIR / "thresholds.yaml").read_text())
    (tmp_path / "thresholds.yaml").write_text(yaml.safe_dump({**shipped, "overrides": overrides}))
    return load_settings(tmp_path, environ={"ALTAVIZ_CONFIG_DIR": str(tmp_path)}).thresholds


def test_every_sensor_has_limits_with_unit_description_and_source(settings: Settings) -> None:
    assert set(settings.thresholds.sensors) == set(SENSORS)
    for sensor in settings.thresholds.sensors.values():
        for limit in (sensor.physical, sensor.normal, sensor.warning, sensor.critical):
            assert limit is None or all((limit.unit, limit.description, limit.source))


def test_limits_of_a_model_are_overridden_where_it_says_so_and_inherited_where_not(tmp_path: Path) -> None:
    thresholds = _with_overrides(tmp_path, OVERRIDE)
    assert thresholds.limits("vibration_mms", "Ariel JGK/4").model_dump() == {"direction": "high", "warning": 5.5, "critical": 8.0}
    assert thresholds.limits("vibration_mms", "Ajax DPC-360") == thresholds.limits("vibration_mms")
    assert thresholds.limits("vibration_mms").warning == 6.0


def test_override_must_name_a_sensor_carry_a_source_and_keep_the_order_of_limits(tmp_path: Path) -> None:
    wrong = {
        "noise: no such sensor": {"Ariel JGK/4": {"noise": {"warning": {"value": 1, "source": "x"}}}},
        "source: Field required": {"Ariel JGK/4": {"vibration_mms": {"warning": {"value": 5.5}}}},
        "critical 8.0 must lie beyond warning 9.0": {"Ariel JGK/4": {"vibration_mms": {"warning": {"value": 9, "source": "x"}}}},
    }
    for reason, overrides in wrong.items():
        with pytest.raises(ConfigError, match=reason):
            _with_overrides(tmp_path, overrides)


def test_unknown_time_zone_fails(tmp_path: Path) -> None:
    shutil.copy(CONFIG_DIR / "fleet.yaml", tmp_path)
    path = tmp_path / "fleet.yaml"
    path.write_text(path.read_text().replace("America/Chicago", "America/Karnes_City"))
    with pytest.raises(ConfigError, match="'America/Karnes_City' is no IANA time zone"):
        _ = load_settings(tmp_path, environ={"ALTAVIZ_CONFIG_DIR": str(tmp_path)}).fleet


def test_home_comes_from_the_argument_then_the_environment_then_var(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "a", environ={"ALTAVIZ_HOME": str(tmp_path / "b")}).home == tmp_path / "a"
    assert load_settings(environ={"ALTAVIZ_HOME": str(tmp_path / "b")}).home == tmp_path / "b"
    assert load_settings(environ={}).home == Path.cwd() / "var"


def test_home_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="cannot be written \\(Not a directory\\): choose another with --home"):
        ensure_home(tmp_path / "file" / "home")
