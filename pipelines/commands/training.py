"""Commands that train and evaluate models: train, retrain, evaluate."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import MODELS, AsOfOption, CommonOptions, HomeOption, JsonOption, SetOption, parse_time, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=MODELS)
def train(overrides: SetOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Train a model on gold, track it in MLflow, register it, and let the gate decide."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.train import train as fit
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return fit(settings, spark, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json, overrides))


@app.command(rich_help_panel=MODELS)
def retrain(
    if_drifted: Annotated[
        bool, typer.Option("--if-drifted", help="Train only if the newest monitoring of the champion calls for it.")
    ] = False,
    as_of: AsOfOption = None,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a challenger on all labelled history up to now. It replaces the champion only if the gate finds it better."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.retrain import retrain as fit_anew
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return fit_anew(settings, moment, spark, report, if_drifted=if_drifted)

    from pipelines.views.training import show_verdict

    run_job(job, show_verdict, CommonOptions(home, as_json, overrides))


@app.command("evaluate", rich_help_panel=MODELS)
def evaluate_champion(
    policy: Annotated[
        bool, typer.Option("--policy", help="Evaluate by cost instead: years of a fleet under several maintenance policies.")
    ] = False,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Also check whether the reasons name the sensors of the true failure.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate the champion on unseen fleets, by failure and by prognostic metrics. Report where a baseline is as good."""
    if policy and reasons:
        raise typer.BadParameter("--policy and --reasons are two reports: give one of them at a time")

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.evaluation.evaluate import evaluate
        from pipelines.evaluation.maintenance_cost import evaluate_policy
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            if policy:
                return evaluate_policy(settings, spark, report)
            return evaluate(settings, spark, report, with_reasons=reasons)

    from pipelines.views.evaluation import show_evaluation
    from pipelines.views.maintenance_cost import show_policies

    run_job(job, show_policies if policy else show_evaluation, CommonOptions(home, as_json))
