"""What `make pictures` does: the pictures of the documentation, drawn from a home that `altaviz demo` has made.

Fleet table and life come from the home's own predictions and champion. The other two come from its newest evaluations.
Run as `python -m pipelines.documentation.pictures`.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import matplotlib
import numpy as np
import typer

from config.errors import ModelError, NoDataError
from config.settings import Settings
from features.lake import Lake
from features.model_file.onnx_model import OnnxModel
from features.reference_tables.tables import read_retired
from monitoring.evaluation.methods import CHAMPION_KEY
from monitoring.evaluation.prognostics import LifeRun, across_errors
from monitoring.gate.champion import known_parts, with_labels_of
from monitoring.maintenance.figures import plot_policy_costs
from pipelines.commands.options import CommonOptions, HomeOption, fail, home_argument, run_job
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import find_run
from pipelines.runtime.terminal import PlainConsole
from pipelines.views.fleet import show_fleet
from serving.registry.client import Registry
from serving.registry.model_version import RegisteredModel
from serving.schemas import report_rows
from serving.warehouse import tables
from serving.warehouse.migrations import migrated_warehouse
from training.data.failure_lives import seen_lives
from training.data.history import open_history
from training.diagnostics.plots import LifeCurve, plot_lives, plot_reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
FLEET, LIFE, RELIABILITY, COSTS = "fleet.svg", "life.svg", "reliability.svg", "cost-by-policy.svg"
REPORTS: Final = {RELIABILITY: "altaviz evaluate", COSTS: "altaviz evaluate --policy"}  # the command that gives a picture its numbers
_FILES: Final = {"evaluate": "evaluation.json", "policy": "policy.json"}  # by the name of a run
_COLUMNS: Final = 120  # of the terminal that is drawn
_RUN_NAME: Final = "mlflow.runName"  # tag
_LIFE_INCHES: Final = (7.2, 4.0)
_HOURS_PER_DAY: Final = 24.0
_GAP: Final = 1.5  # strides between two predictions; more is a gap
_PRIVATE, _READABLE = 0o077, 0o644  # what goes into a home is for its user alone, a picture for everybody
_FONT_FROM_THE_NET: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(home: HomeOption = None, out: Annotated[Path, typer.Option("--out", help="Folder to write the pictures to.")] = FOLDER) -> None:
    """Draw the pictures of the documentation from a demo home."""
    out.mkdir(parents=True, exist_ok=True)
    os.umask(_PRIVATE)
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        outcome.update(draw_pictures(settings, out, report), home=settings.home)
        return outcome

    run_job(job, _show, CommonOptions(home, as_json=False))
    if outcome["missing"]:
        fail(missing_line(outcome["home"], outcome), as_json=False)


def draw_pictures(settings: Settings, out: Path, report: StageReporter) -> dict[str, Any]:
    """Write every picture that the home of `settings` can give into the folder `out`.

    Returns model_version, the paths `written`, and `missing`: the command that gives the numbers, by picture.
    Raises NoChampionError, ModelError, NoDataError, WarehouseError.
    """
    quieten()
    registry = Registry(settings.tracking_uri)
    champion = registry.champion()
    settings = with_labels_of(settings, champion.facts)
    evaluation, policy = (newest_report(settings, registry, champion.version, name) for name in ("evaluate", "policy"))
    with report.stage("fleet"):
        pictures = {FLEET: fleet_picture(read_fleet_table(settings, champion.version))}
    pictures[LIFE] = to_svg(lambda: plot_life(settings, registry, champion, report))
    if evaluation is not None:
        bins = evaluation["failure_probability"]["bins"]
        pictures[RELIABILITY] = to_svg(lambda: plot_reliability({CHAMPION_KEY: bins}, settings.model.labels.horizon_days))
    if policy is not None:
        pictures[COSTS] = to_svg(lambda: plot_policy_costs(policy, settings.evaluation.report.confidence))
    for name, picture in pictures.items():
        (out / name).write_text(picture, encoding="utf-8")
        (out / name).chmod(_READABLE)
    missing = {name: command for name, command in REPORTS.items() if name not in pictures}
    return {"model_version": champion.version, "written": [out / name for name in pictures], "missing": missing}


def newest_report(settings: Settings, registry: Registry, version: str, run_name: str) -> dict[str, Any] | None:
    """What the newest run `evaluate` or `policy` has reported; None when there is none, or it is of another model version. Raises ModelError."""
    run_id = find_run(settings.tracking_uri, _RUN_NAME, run_name)
    content = None if run_id is None else registry.run_file(run_id, _FILES[run_name])
    found: dict[str, Any] = {} if content is None else json.loads(content)
    return found if found.get("model_version") == version else None


def read_fleet_table(settings: Settings, version: str) -> dict[str, Any]:
    """The champion's predictions at the newest reading, as `altaviz demo` has reported them. Raises NoDataError, WarehouseError."""
    lake = Lake(settings.lake_uri)
    newest = lake.newest_reading()
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        predictions = [] if newest is None else tables.predictions_of_a_moment(connection, None, newest, version)
        usable = tables.last_usable(connection, predictions)
    if not predictions:
        raise NoDataError(
            f"{settings.home} has no prediction of its champion, version {version}, at its newest reading: "
            f"run `altaviz demo{home_argument(settings.home)}`"
        )
    return {
        "model_version": version,
        "as_of": newest,
        "retired": read_retired(lake),
        "predictions": report_rows(predictions, usable),
    }


def fleet_picture(result: dict[str, Any]) -> str:
    """The table of the ranked fleet as a terminal shows it."""
    console = PlainConsole(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, _environ={})
    show_fleet(result, console)
    return _FONT_FROM_THE_NET.sub("", console.export_svg(title="altaviz demo", unique_id="fleet"))


def plot_life(settings: Settings, registry: Registry, champion: RegisteredModel, report: StageReporter) -> Figure:
    """The life with the median error among those of the champion's test compressors, predicted up to its failure.

    Lives that were seen for as long as the label cap come first. Raises ModelError when there is no life to draw.
    """
    parts = known_parts(registry, champion.run_id)
    if parts is None:
        raise ModelError(f"version {champion.version} was trained elsewhere, so its test compressors are not known: run `altaviz train`")
    config, cap = settings.model, settings.model.labels.max_rul_days
    fleet = labelled_fleet(settings, open_history([settings.training_lake_uri]), report)
    index = fleet.every(fleet.index, config.windows.judge_stride_hours).of_units(fleet.history.units_of(parts["test"]))
    with report.stage("predict"):
        model = OnnxModel(champion.onnx, config.scoring.threads)
        predicted = model.predict_rows(fleet.history.values, index.first_row, index.end, config.scoring.batch_size)
    runs: dict[bool, list[tuple[str, LifeRun]]] = {True: [], False: []}  # by whether the life was seen for as long as the cap
    for life in seen_lives(fleet, index):
        within = (life.left_days > 0) & (life.left_days < cap)
        which = life.windows[within]
        if len(which):
            run = LifeRun(life.left_days[within], predicted.rul[which], predicted.rul_lower[which], predicted.rul_upper[which])
            runs[bool(life.left_days[0] >= cap)].append((fleet.history.compressor_ids[life.unit], run))
    chosen = runs[True] or runs[False]
    if not chosen:
        raise ModelError(f"no test compressor of version {champion.version} was seen up to a failure: train on a longer history")
    middle = across_errors([run for _, run in chosen], len(chosen))[len(chosen) // 2]
    name, run = chosen[middle]
    title = f"Test compressor {name}: the life with the median error of {len(chosen)}"
    return plot_lives([_with_gaps(title, run, config.windows.judge_stride_hours)], cap, ("predicted", ""), _LIFE_INCHES)


def _with_gaps(title: str, run: LifeRun, stride_hours: int) -> LifeCurve:
    """The curve of a life, broken where hours have no prediction."""
    assert run.lower is not None
    assert run.upper is not None
    gaps = np.flatnonzero(-np.diff(run.true) * _HOURS_PER_DAY > _GAP * stride_hours) + 1
    return LifeCurve(title, *(np.insert(days.astype(np.float64), gaps, np.nan) for days in (run.true, run.rul, run.lower, run.upper)))


def to_svg(plot: Callable[[], Figure]) -> str:
    """The figure that `plot` draws, as SVG: the same numbers give the same file, whenever it is drawn.

    It is white on every page, so that a browser in dark mode shows the same picture. Its text stays text.
    """
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "altaviz", "font.size": 11.0, "savefig.facecolor": "white"}):
        plot().savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return stream.getvalue()


def missing_line(home: Path, result: dict[str, Any]) -> str:
    """Which pictures of `draw_pictures` are not drawn, and the commands to run."""
    pictures = " and ".join(result["missing"])
    commands = " and ".join(f"`{command}{home_argument(home)}`" for command in result["missing"].values())
    return (
        f"not drawn: {pictures}. {home} holds no such evaluation of its champion, version {result['model_version']}. "
        f"Run {commands}, then draw again"
    )


def _show(result: dict[str, Any]) -> None:
    console = PlainConsole()
    for path in result["written"]:
        console.print(f"{path} is drawn", soft_wrap=True)


if __name__ == "__main__":
    app()
