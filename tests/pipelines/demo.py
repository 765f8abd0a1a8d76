"""A home after `altaviz demo` on a small history, for the suites that go on from there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from pipelines.evaluation.simulated_fleets import build_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.home.ownership import find_exposed
from tests.folders import passable_folder
from tests.pipelines.console_script import altaviz_process, as_a_command, report_of

END_OF_DEMO = "2026-03-09T05:50:00"
_HISTORY = {"compressors": 30, "days": 60, "interval_min": 30}
# one round of boosting says little more than the mean life: a network that learns slowly for one epoch beats it, and a complete one beats that
ONE_ROUND: dict[str, dict[str, Any]] = {"baseline": {"max_iter": 1}}
SECONDS = {"fit": {"epochs": 1, "patience": 1}, **ONE_ROUND}  # changes to model_config.yaml that leave little to fit
_UNSEEN = {"seeds": [401], "compressors": 12, "days": 45, "interval_min": 30}


@dataclass(frozen=True)
class Demo:
    """The home, what the command reported, and the environments with the small configuration: as it was trained, and to retrain in seconds."""

    home: Path
    report: dict[str, Any]
    environment: dict[str, str]
    quick: dict[str, str]

    def before_the_cycle(self, home: Path) -> Path:
        """Make `home` one that has this one's champion, training history and gate's fleet, and the demo's files in the inbox, and nothing
        else.
        """
        shutil.copytree(self._kept, home)
        return home

    def after_the_features(self, home: Path) -> Path:
        """The same, with the lake that the demo has built."""
        self.before_the_cycle(home)
        shutil.copytree(self._kept_lake, home / "lake")
        return home

    @property
    def _kept(self) -> Path:
        return self.home.with_name("kept")

    @property
    def _kept_lake(self) -> Path:
        """Nobody writes here, unlike in the home's own lake."""
        return self.home.with_name("kept-lake")


@contextmanager
def shared_demo(base: Path) -> Iterator[Demo]:
    """The demo, run once for all processes of a test run. The first that needs it runs it, and the last deletes it.

    `base` is this process's folder for temporary files; those of xdist's processes lie in one folder.
    """
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    lock, record = FileLock(shared / "demo.lock"), shared / "demo.json"
    with lock:
        if record.exists():
            known = json.loads(record.read_text(encoding="utf-8"))
        else:
            # not below `base`: the embedded server's own user must be able to pass through, and pytest shuts its folders
            known = {"folder": str(passable_folder()), "users": 0}
            known["report"] = _run_demo(Path(known["folder"])).report
        _write(record, known | {"users": known["users"] + 1})
    try:
        yield _demo_in(Path(known["folder"]), known["report"])
    finally:
        with lock:
            users = json.loads(record.read_text(encoding="utf-8"))["users"] - 1
            _write(record, known | {"users": users})
            if not users:
                record.unlink()
                shutil.rmtree(known["folder"], ignore_errors=True)


def _write(record: Path, known: dict[str, Any]) -> None:
    record.write_text(json.dumps(known), encoding="utf-8")


def _demo_in(folder: Path, report: dict[str, Any]) -> Demo:
    environment, quick = ({"ALTAVIZ_CONFIG_DIR": str(folder / name)} for name in ("config", "quick"))
    return Demo(folder / "home", report, environment, quick)


def _run_demo(folder: Path) -> Demo:
    """Run the demo in `folder`."""
    environment, _ = configure(folder / "config", {}), configure(folder / "quick", SECONDS)
    home = folder / "home"
    demo = _demo_in(folder, report_of("demo", home=home, run=altaviz_process, **environment))
    assert find_exposed(home) is None
    assert not (home / "gate").exists()  # the first model has no champion to be compared with
    with as_a_command(environment):
        _make_unseen(load_settings(home))
    shutil.copytree(home, demo._kept, ignore=shutil.ignore_patterns("postgres*", "logs", "spark-*"))
    (demo._kept / "lake").rename(demo._kept_lake)
    return demo


def _make_unseen(settings: Settings) -> None:
    """Make what the first training beside a champion would make in each home, once for all of them."""
    size = settings.retraining.gate.fleet
    with LazySpark(settings) as spark, StageReporter(interactive=False) as report:
        build_fleet(settings.below(f"gate/seed-{size.seeds[0]}"), size, size.seeds[0], spark, report)


def configure(folder: Path, model: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The shipped configuration with a small history, a small unseen fleet, and changes to model_config.yaml by section."""
    folder.mkdir()
    for file in CONFIG_DIR.glob("*.yaml"):
        shutil.copy(file, folder)
    small = [("simulator.yaml", "history", _HISTORY), ("retraining.yaml", "gate", {"fleet": _UNSEEN})]
    for name, section, changes in [*small, *(("model_config.yaml", section, changes) for section, changes in model.items())]:
        content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        content[section] |= changes
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return {"ALTAVIZ_CONFIG_DIR": str(folder)}
