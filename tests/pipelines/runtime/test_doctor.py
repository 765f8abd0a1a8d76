"""The doctor checks every configuration file, and names the wrong one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import config.settings
from config.loader import CONFIG_DIR, load_section
from config.settings import SECTIONS, load_settings
from tests.pipelines.console_script import altaviz_process


def test_the_sections_are_the_files_under_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def load(path: Path, *arguments: Any) -> Any:
        loaded.append(path)
        return load_section(path, *arguments)

    monkeypatch.setattr(config.settings, "load_section", load)
    settings = load_settings(tmp_path, environ={})
    for section in SECTIONS:
        getattr(settings, section)
    assert set(loaded) == set(CONFIG_DIR.glob("*.yaml"))
    assert len(SECTIONS) == len(set(loaded))


def test_a_nonsense_cost_is_reported_with_exit_code_1_and_the_other_checks_are_made(tmp_path: Path) -> None:
    folder = shutil.copytree(CONFIG_DIR, tmp_path / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    costs = yaml.safe_load((folder / "costs.yaml").read_text(encoding="utf-8"))
    costs["planned"]["crew_days"]["value"] = -1
    (folder / "costs.yaml").write_text(yaml.safe_dump(costs), encoding="utf-8")
    done = altaviz_process("doctor", "--json", home=tmp_path / "home", ALTAVIZ_CONFIG_DIR=str(folder))
    assert done.returncode == 1
    checks = json.loads(done.stdout)["checks"]
    expected_line = f"{folder / 'costs.yaml'}: planned.crew_days: Value error, -1 days: must be at least 0"
    assert checks["configuration"] == {"ok": False, "says": expected_line}
    assert checks.keys() == {"configuration", "java", "spark", "delta", "database", "tracking", "files", "disk"}
