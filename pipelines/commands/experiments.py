"""altaviz tune and altaviz experiments: what a data scientist searches with, and looks at."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.errors import AltavizError
from config.settings import Settings, load_settings
from pipelines.commands.options import HomeOption, JsonOption, SetOption, fail, run_job
from pipelines.runtime.console import StageReporter
from pipelines.runtime.home_lock import open_home

app = typer.Typer()


@app.command()
def tune(
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials of the whole study (tuning.yaml); it goes on where it was left.")
    ] = None,
    study: Annotated[str | None, typer.Option("--study", metavar="NAME", help="Which study (tuning.yaml).", show_default=False)] = None,
    timeout_min: Annotated[
        float | None, typer.Option("--timeout-min", min=0, help="Minutes after which no trial is begun.", show_default=False)
    ] = None,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search hyper-parameters: a study by the error over held-out compressors, tracked in MLflow; nothing is registered."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.tune import tune as search

        return search(settings, report, name=study, trials=trials, timeout_min=timeout_min)

    from pipelines.views.training import show_study

    run_job(job, show_study, home=home, as_json=as_json, overrides=overrides)


@app.command()
def experiments(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000, home: HomeOption = None
) -> None:
    """Open the MLflow page of this home's runs and models (until interrupted)."""
    from pipelines.operations.experiments import serve_experiments

    try:
        settings = load_settings(home)
        open_home(settings.home)
        raise typer.Exit(serve_experiments(settings, port))
    except AltavizError as error:
        fail(str(error), as_json=False)
