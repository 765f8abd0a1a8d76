"""Other words for the same numbers simulate no fleet, train no model, find no alert again, and explain no difference."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from config.loader import CONFIG_DIR
from config.sections.evaluation import FleetsSection
from config.settings import Settings, load_settings
from features.reference_tables.tables import COMPRESSOR_SCHEMA
from pipelines.evaluation.simulated_fleets import _simulate_once
from pipelines.lakehouse.quality_sync import _fingerprint
from pipelines.lifecycle.occasion import fingerprint
from pipelines.runtime.console import StageReporter

SMALL = FleetsSection(seeds=[6], compressors=2, days=2, interval_min=60)


class EmptyHistory:
    """A history that never changes."""

    def fingerprint(self, *settings: str) -> str:
        return "/".join(settings)


def changed(folder: Path, file: str, old: str, new: str) -> Settings:
    """The shipped settings with one text of one file replaced."""
    config = shutil.copytree(CONFIG_DIR, folder / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (config / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (config / file).write_text(text.replace(old, new), encoding="utf-8")
    return load_settings(folder / "home", environ={"ALTAVIZ_CONFIG_DIR": str(config)})


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("retraining.yaml", "one in ten promotions of an equal model", "a tenth of all equal models", True),
        ("simulator.yaml", "A rolling bearing breaks up within days; every sensor follows", "A bearing breaks up", True),
        ("evaluation.yaml", "one odd hour is no reason to call anybody", "an hour is odd at times", True),
        ("model_config.yaml", "max_rul_cycles: 125 ", "max_rul_cycles: 130 ", True),
        ("simulator.yaml", "event_description: Cooling failure detected", "event_description: Cooling lost", False),
        ("retraining.yaml", "error_margin: {value: 0.03", "error_margin: {value: 0.04", False),
        ("model_config.yaml", "epochs: 4 ", "epochs: 5 ", False),
    ],
)
def test_a_training_is_known_by_its_numbers(tmp_path: Path, settings: Settings, file: str, old: str, new: str, same: bool) -> None:
    before, after = (fingerprint(item, EmptyHistory(), "1") for item in (settings, changed(tmp_path, file, old, new)))  # type: ignore[arg-type]
    assert (after == before) is same


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("A rolling bearing breaks up within days; every sensor follows", "A bearing breaks up", True),
        ("noise_share: 0.03 ", "noise_share: 0.04 ", False),
    ],
)
def test_a_fleet_is_simulated_again_only_for_other_numbers(tmp_path: Path, old: str, new: str, kept: bool) -> None:
    reworded = changed(tmp_path, "simulator.yaml", old, new)
    shipped = load_settings(reworded.home, environ={})
    seen = reworded.home / "seen"
    with StageReporter(interactive=False) as report:
        _simulate_once(shipped, SMALL, 6, report, None)
        seen.touch()
        _simulate_once(reworded, SMALL, 6, report, None)
    assert seen.exists() is kept


def test_alerts_are_judged_again_only_for_other_numbers(tmp_path: Path, settings: Settings) -> None:
    nobody = pl.DataFrame(schema=COMPRESSOR_SCHEMA)
    reworded = changed(tmp_path / "reworded", "quality.yaml", "one in ten may be under repair", "a tenth may be under repair")
    stricter = changed(tmp_path / "stricter", "thresholds.yaml", "{value: 20, unit: F/h", "{value: 25, unit: F/h")
    assert _fingerprint(reworded, nobody, nobody) == _fingerprint(settings, nobody, nobody)
    assert _fingerprint(stricter, nobody, nobody) != _fingerprint(settings, nobody, nobody)


def test_rows_name_their_costs_by_numbers_and_their_reasons_by_the_words_that_they_say(tmp_path: Path, settings: Settings) -> None:
    sourced = changed(tmp_path / "sourced", "costs.yaml", "at express rates", "at express prices")
    dearer = changed(tmp_path / "dearer", "costs.yaml", "repair_usd: {value: 15000", "repair_usd: {value: 16000")
    assert sourced.costs.digest() == settings.costs.digest()
    assert dearer.costs.digest() != settings.costs.digest()
    explained = changed(tmp_path / "explained", "scoring.yaml", "a plan is made in days", "plans are made in days")
    renamed = changed(tmp_path / "renamed", "scoring.yaml", "description: vibration 4 h mean", "description: vibration over 4 h")
    assert explained.scoring.digest() == settings.scoring.digest()
    assert renamed.scoring.digest() != settings.scoring.digest()
