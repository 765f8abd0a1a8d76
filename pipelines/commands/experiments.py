"""Commands of a data scientist: tune, experiments."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.errors import AltavizError
from config.settings import Settings
from pipelines.commands.options import MODELS, CommonOptions, HomeOption, HomeRules, JsonOption, SetOption, fail, open_settings, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=MODELS)
def tune(
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials of the whole study, including earlier ones. Default: tuning.yaml.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", metavar="NAME", help="Name of the study to start or continue. Default: tuning.yaml.", show_default=False),
    ] = None,
    timeout_min: Annotated[
        float | None, typer.Option("--timeout-min", min=0, help="Minutes after which no new trial starts.", show_default=False)
    ] = None,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search hyper-parameters by the error on held-out compressors. MLflow tracks the study; nothing is registered."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.tune import tune as search

        return search(settings, report, name=study, trials=trials, timeout_min=timeout_min)

    from pipelines.views.training import show_study

    run_job(job, show_study, CommonOptions(home, as_json, overrides))


@app.command(rich_help_panel=MODELS)
def experiments(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this computer.")] = 5000, home: HomeOption = None
) -> None:
    """Open the MLflow page of this home's runs and models, until interrupted."""
    from pipelines.operations.experiments import serve_experiments

    try:
        settings = open_settings(CommonOptions(home, as_json=False), HomeRules(database=False))
        raise typer.Exit(serve_experiments(settings, port))
    except AltavizError as error:
        fail(str(error), as_json=False)
