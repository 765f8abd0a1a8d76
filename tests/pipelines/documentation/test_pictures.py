"""`make pictures` on the demo's home: what it draws, and what it asks for where an evaluation is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mlflow
import pytest

from config.settings import Settings, load_settings
from monitoring.gate.champion import known_parts
from pipelines.documentation.pictures import COSTS, FLEET, LIFE, RELIABILITY, draw_pictures, newest_report, to_svg
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import tracked_run
from serving.registry.client import Registry
from tests.pipelines.console_script import surroundings
from tests.pipelines.demo import Demo
from training.diagnostics.plots import plot_reliability

LARGEST = 300_000  # bytes of a picture
BINS = [{"windows": 1200, "predicted": 0.02, "observed": 0.01}, {"windows": 34, "predicted": 0.91, "observed": 0.95}]
COSTS_OF = {"run_to_failure": 788_000, "fixed_interval": 376_000, "act_by": 301_000}


def evaluation(version: str) -> dict[str, Any]:
    return {"model_version": version, "failure_probability": {"bins": BINS}}


def policy(version: str) -> dict[str, Any]:
    return {
        "model_version": version,
        "interval_days": 20.3,
        "threshold_hours": {"warning": 1, "critical": 2},
        "predicted_life_days": 15,
        "policies": {name: {"usd_per_compressor_year": usd, "interval": [usd - 20_000, usd + 30_000]} for name, usd in COSTS_OF.items()},
    }


def log(settings: Settings, name: str, report: dict[str, Any]) -> None:
    """As `altaviz evaluate` keeps what it reports."""
    with tracked_run(settings, name):
        mlflow.log_dict(report, {"evaluate": "evaluation.json", "policy": "policy.json"}[name])


def texts(picture: Path) -> list[str]:
    """All text of a valid SVG."""
    assert picture.stat().st_size < LARGEST
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()).replace("\xa0", " ").strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def first(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder that the command has written, and how it ended."""
    out = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, "-m", "pipelines.documentation.pictures", "--home", str(demo.home), "--out", str(out)]
    return out, subprocess.run(command, env=surroundings(demo.environment), capture_output=True, text=True, check=False)


def test_the_fleet_and_a_life_need_no_evaluation(demo: Demo, first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = first
    assert {file.name for file in out.iterdir()} == {FLEET, LIFE}
    shown = texts(out / FLEET)
    named = [text for text in shown if text.startswith("COMP-")]
    assert named == [row["compressor_id"] for row in demo.report["predictions"]]
    assert f"{demo.report['predictions'][0]['rul_days']:.1f}" in shown
    life = texts(out / LIFE)
    (title,) = [text for text in life if text.startswith("Test compressor HIST-")]
    registry = Registry(f"sqlite:///{demo.home / 'mlflow.db'}")
    parts = known_parts(registry, registry.champion().run_id)
    assert parts is not None
    assert title.split()[2].rstrip(":") in parts["test"]
    assert {"days to the failure", "remaining life, days", "true", "predicted, 90 % interval"} <= set(life)


def test_one_line_names_the_commands_that_are_missing(demo: Demo, first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = first
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"altaviz: not drawn: {RELIABILITY} and {COSTS}. {demo.home} holds no such evaluation of its champion, version "
        f"{demo.report['model_version']}. Run `altaviz evaluate --home {demo.home}` and `altaviz evaluate --policy --home {demo.home}`, "
        "then draw again"
    )


def test_all_are_drawn_from_a_store_with_evaluations(
    demo: Demo, first: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    shutil.copy(demo.home / "mlflow.db", tmp_path)
    shutil.copytree(demo.home / "mlartifacts", tmp_path / "mlartifacts")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    settings = load_settings(demo.home, environ=demo.environment | store)
    version = demo.report["model_version"]
    log(settings, "evaluate", evaluation(version))
    log(settings, "policy", policy(version))
    out = tmp_path / "pictures"
    out.mkdir()
    drawn = draw_pictures(settings, out, StageReporter(interactive=False))
    assert drawn == {"model_version": version, "written": [out / name for name in (FLEET, LIFE, RELIABILITY, COSTS)], "missing": {}}
    assert {"1,200", "34", "predicted probability of a failure within 3 days"} <= set(texts(out / RELIABILITY))
    costs = texts(out / COSTS)
    assert {"act_by of Altaviz", "fixed interval, 20.3 d", "301 (281 to 331)", "788 (768 to 818)"} <= set(costs)
    assert "cost, thousand USD per compressor-year (bars: 95 % interval)" in costs
    for name in (FLEET, LIFE):  # drawn by another process
        assert (out / name).read_bytes() == (first[0] / name).read_bytes()


def test_only_the_newest_report_of_the_champion_counts(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    registry = Registry(settings.tracking_uri)
    assert newest_report(settings, registry, "1", "evaluate") is None
    log(settings, "evaluate", evaluation("1") | {"seconds": 1})
    log(settings, "evaluate", evaluation("1") | {"seconds": 2})
    log(settings, "policy", policy("1"))
    assert newest_report(settings, registry, "1", "evaluate") == evaluation("1") | {"seconds": 2}
    log(settings, "evaluate", evaluation("2"))
    assert newest_report(settings, registry, "1", "evaluate") is None
    assert newest_report(settings, registry, "1", "policy") == policy("1")


def test_a_figure_is_the_same_text_each_time() -> None:
    one, other = (to_svg(lambda: plot_reliability({"champion": BINS}, 3.0)) for _ in range(2))
    assert one == other
    assert "<dc:date>" not in one
    assert one.count("http") == 3  # the DTD and the two name spaces: nothing is fetched
