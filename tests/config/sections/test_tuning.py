"""An impossible search space is refused on loading, or before the first trial."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.errors import ConfigError
from config.loader import CONFIG_DIR
from config.sections.tuning import values_in_force
from config.settings import Settings, load_settings
from tests.conftest import PROJECT


def settings_with(folder: Path, space: dict[str, Any], **overrides: Any) -> Settings:
    """The shipped settings with another space."""
    for file in ("model_config.yaml", "tuning.yaml"):
        shutil.copy(CONFIG_DIR / file, folder)
    shipped = yaml.safe_load((folder / "tuning.yaml").read_text())
    (folder / "tuning.yaml").write_text(yaml.safe_dump(shipped | {"space": space}))
    return load_settings(folder, environ={"ALTAVIZ_CONFIG_DIR": str(folder)}, model_overrides=overrides)


def refusal(folder: Path, space: dict[str, Any], **overrides: Any) -> str:
    settings = settings_with(folder, space, **overrides)
    with pytest.raises(ConfigError) as caught:
        values_in_force(settings.model, settings.tuning.space)
    return str(caught.value)


def test_the_shipped_space_holds_the_shipped_settings(settings: Settings) -> None:
    start = values_in_force(settings.model, settings.tuning.space)
    assert start["network.lstm_units"] == settings.model.network.lstm_units
    assert start["fit.learning_rate"] == settings.model.fit.learning_rate


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        ({"fit.learning_ratee": {"low": 0.001, "high": 0.1}}, "space.fit.learning_ratee: .*Extra inputs are not permitted"),
        ({"fitt.epochs": {"low": 1, "high": 9}}, "fitt.epochs: only keys of network, fit, augmentation can be searched"),
        ({"labels.max_rul_days": {"low": 10, "high": 60}}, "labels.max_rul_days: only keys of network, fit, augmentation can be searched"),
        ({"network.lstm_units": {"low": 16, "high": 64}}, "space.network.lstm_units: .*should be a valid list"),
        ({"fit.batch_size": {"choices": [128.5, 256]}}, "space.fit.batch_size: .*valid integer"),
        ({"network.dropout": {"low": 0.0, "high": 1.0}}, "space.network.dropout: .*less than 1"),
        (
            {"network.dense_units": {"low": 16, "high": 64, "step": 1.5}},
            "space.network.dense_units has steps of 1.5, but the key takes whole numbers",
        ),
        ({"fit.learning_rate": {"low": 0.1, "high": 0.001}}, "space.fit.learning_rate.range: .*low must be below high"),
        ({"fit.learning_rate": {"low": 0.0, "high": 0.1, "log": True}}, "a logarithmic range starts above 0"),
        ({"network.dropout": {"low": 0.0, "high": 0.4, "step": 0.15}}, "high must be a whole number of steps above low"),
        ({"fit.batch_size": {"choices": [128]}}, "at least 2 items"),
        ({"fit.batch_size": {"low": 1, "height": 2}}, "height: Extra inputs are not permitted"),
        ({"fit.learning_rate": {"low": 0.01, "high": 0.1}}, "space.fit.learning_rate does not hold 0.002, the value in force"),
        ({"network.dropout": {"low": 0.0, "high": 0.4, "step": 0.08}}, "space.network.dropout does not hold 0.1"),
        ({}, "at least 1 item"),
    ],
)
def test_a_wrong_space_is_refused_by_key(tmp_path: Path, space: dict[str, Any], reason: str) -> None:
    said = refusal(tmp_path, space)
    assert "tuning.yaml" in said
    with pytest.raises(ConfigError, match=reason):
        raise ConfigError(said)


def test_a_key_is_either_set_or_searched(tmp_path: Path) -> None:
    said = refusal(tmp_path, {"fit.learning_rate": {"low": 0.001, "high": 0.1}}, **{"fit.learning_rate": 0.01})
    assert said == "fit.learning_rate is both searched (tuning.yaml) and set (--set): remove it from one of them"


def test_mlproject_searches_as_long_as_the_command(settings: Settings) -> None:
    entry = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]["tune"]["parameters"]
    assert (entry["trials"]["default"], entry["study"]["default"]) == (settings.tuning.trials, settings.tuning.study)


def test_the_storage_is_below_the_home_unless_the_environment_names_one(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environ={}).tuning_storage == f"sqlite:///{tmp_path}/tuning.db"
    elsewhere = "postgresql+psycopg://db.example/studies"
    assert load_settings(tmp_path, environ={"ALTAVIZ_TUNING_STORAGE": elsewhere}).tuning_storage == elsewhere
