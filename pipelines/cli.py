"""The command line. Commands parse, hand over to one job and show what it returns; heavy imports stay in the jobs."""

from __future__ import annotations

import dataclasses
import os
import warnings
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from config.errors import AltavizError
from config.settings import Settings, load_settings
from pipelines.commands import backup as cli_backup
from pipelines.commands import benchmark as cli_benchmark
from pipelines.commands import experiments as cli_experiments
from pipelines.commands import models as cli_models
from pipelines.commands import site as cli_site
from pipelines.commands import taking_back as cli_taking_back
from pipelines.commands.options import AsOfOption, HomeOption, JsonOption, SetOption, fail, parse_time, refused_by_ingest, run_job
from pipelines.runtime.console import StageReporter
from pipelines.runtime.home_lock import open_home, require_database_place
from pipelines.runtime.mlflow_environment import quieten

PRIVATE: Final = 0o077  # what this process and its children write is for their user alone

app = typer.Typer(
    name="altaviz",
    help="Which compressors need attention, by when, and why?",
    epilog="Exit code: 0 done; 1 failed, one line says why; 2 wrong use; 3 done, but some files were refused.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_benchmark.app, name="benchmark")
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_site.app, name="site")
app.add_typer(cli_experiments.app)
app.add_typer(cli_taking_back.app)
app.add_typer(cli_backup.app)


def main() -> None:
    """Console script `altaviz`: exit 0 done, 1 failed with one line why, 2 wrong use, 3 done but some files were refused."""
    os.umask(PRIVATE)
    quieten()
    warnings.simplefilter("ignore")
    app()


@app.command()
def ingest(
    folder: Annotated[Path, typer.Argument(help="Holds readings/, compressor_metadata.csv, maintenance_events.csv.")],
    site: Annotated[
        Path | None,
        typer.Option("--site", metavar="FILE", help="How the site writes its files; else FOLDER/site.yaml.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read everything, write nothing: what would be loaded, and what refused.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load readings and reference files into bronze; doing it again adds nothing.

    Exit code 1 when every reading file was refused, 3 when some files were.
    """

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        if check:
            from pipelines.lakehouse.ingest_check import check as look

            return look(settings, folder, report, site)
        from pipelines.lakehouse.ingest import ingest as load
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return load(settings, folder, spark, report, site)

    from pipelines.views.data import show_books
    from pipelines.views.site import show_check

    run_job(job, show_check if check else show_books, home=home, as_json=as_json, refusals=refused_by_ingest)


@app.command()
def features(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Bring silver, gold and the warehouse aggregates up to what was ingested."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.medallion import build
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return build(settings, moment, spark, report)

    from pipelines.views.data import show_books

    run_job(job, show_books, home=home, as_json=as_json)


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write: readings/, compressor_metadata.csv, maintenance_events.csv, truth/.")
    ],
    profile: Annotated[Literal["demo", "history"], typer.Option("--profile", help="The demo's fleet, or one to train on.")] = "demo",
    compressors: Annotated[int | None, typer.Option("--compressors", min=1, help="Machines of the fleet.", show_default=False)] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days of readings.", show_default=False)] = None,
    interval_min: Annotated[int | None, typer.Option("--interval-min", min=1, help="Minutes between readings.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The same seed gives the same files.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a fleet as a site would hand it over."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.simulate import run

        with report.stage("simulate") as advance:
            simulated = run(
                out,
                settings.simulator,
                settings.fleet,
                profile=profile,
                compressors=compressors,
                days=days,
                interval_min=interval_min,
                seed=seed,
                progress=advance,
            )
        return dataclasses.asdict(simulated)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, home=home, as_json=as_json, database=False)


@app.command()
def train(overrides: SetOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Train a model on gold, track it in MLflow, register it and let the gate decide."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.train import train as fit
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return fit(settings, spark, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, home=home, as_json=as_json, overrides=overrides)


@app.command()
def score(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Predict the remaining life of every compressor and write it to `ml_predictions`."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.score import score as predict

        return predict(settings, moment, report)

    from pipelines.views.fleet import show_fleet

    run_job(job, show_fleet, home=home, as_json=as_json)


@app.command()
def reproduce(
    compressor_id: Annotated[
        str | None, typer.Argument(help="One compressor; all that were scored then when left out.", show_default=False)
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="The moment that was scored; the newest when left out.", show_default=False),
    ] = None,
    model_version: Annotated[
        str | None, typer.Option("--model-version", metavar="V", help="One model version; all when left out.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute rows of `ml_predictions` anew from what each names, and say equal or show the difference; exit 1 when one differs."""
    moment = parse_time(as_of)
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.reproduce import reproduce as recompute

        outcome.update(recompute(settings, compressor_id, moment, model_version, report))
        return outcome

    from pipelines.operations.reproduce import unlike
    from pipelines.views.reproduction import show_reproduction

    run_job(job, show_reproduction, home=home, as_json=as_json)
    if not outcome["equal"]:
        fail(unlike(outcome), as_json=False)


@app.command()
def monitor(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Compare the last days with what the champion was trained on, and decide whether it must be trained anew."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.monitor import monitor as compare

        return compare(settings, moment, report)

    from pipelines.views.drift import show_drift

    run_job(job, show_drift, home=home, as_json=as_json)


@app.command()
def retrain(
    if_drifted: Annotated[bool, typer.Option("--if-drifted", help="Only when the newest monitoring of the champion calls for it.")] = False,
    as_of: AsOfOption = None,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a challenger on all labelled history up to now; the gate lets it replace the champion only when it is better."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.retrain import retrain as fit_anew
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return fit_anew(settings, moment, spark, report, if_drifted=if_drifted)

    from pipelines.views.training import show_verdict

    run_job(job, show_verdict, home=home, as_json=as_json, overrides=overrides)


@app.command("run")
def run_cycle(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One hourly cycle: ingest what is in the inbox, features, score, monitor, and retrain if it is called for.

    Refused files do not stop it once the home has readings: exit code 3 when there are any.
    """
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.cycle import run

        return run(settings, moment, report)

    from pipelines.views.cycle import show_cycle

    run_job(job, show_cycle, home=home, as_json=as_json, refusals=lambda result: refused_by_ingest(result["ingest"]))


@app.command()
def demo(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The main job: simulate, ingest, features, train, score, and the ranked fleet."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.demo import demo as run_demo

        return run_demo(settings, report)

    from pipelines.runtime.home_lock import demo_home
    from pipelines.views.cycle import show_demo

    run_job(job, show_demo, home=home, as_json=as_json, place=None if home else demo_home)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on (serving.yaml: loopback).", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port (serving.yaml); 0 takes a free one.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer over HTTP: score compressors, predict for windows, rank the fleet (until interrupted)."""
    from config.logs import set_up_logs
    from pipelines.operations.serve import serve as answer

    try:
        settings = load_settings(home)
        require_database_place(settings)
        open_home(settings.home)
        set_up_logs(settings.home, to_stderr=True)
        answer(settings, host, port, as_json=as_json)
    except AltavizError as error:
        fail(str(error), as_json=as_json)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What this home holds: rows, versions, champion."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.status import summarise

        return summarise(settings, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check Java, Spark, Delta, database, tracking and disk, and say how to mend each; exit 1 when something is wrong."""
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.runtime.doctor import examine

        outcome.update(examine(settings, report))
        return outcome

    from pipelines.views.cycle import show_checks

    run_job(job, show_checks, home=home, as_json=as_json, database=False)
    if not outcome["ok"]:
        raise typer.Exit(1)


@app.command("evaluate")
def evaluate_champion(
    policy: Annotated[bool, typer.Option("--policy", help="By cost instead: years of a fleet under several maintenance policies.")] = False,
    reasons: Annotated[bool, typer.Option("--reasons", help="Also whether the reasons name what really fails.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the champion on unseen fleets, by event and as prognostics are measured, and say where a baseline is not beaten."""
    if policy and reasons:
        raise typer.BadParameter("--policy and --reasons are two reports: ask for one at a time")

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

    run_job(job, show_policies if policy else show_evaluation, home=home, as_json=as_json)


@app.command("export-edge")
def export_edge(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; an earlier export there is replaced.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the champion as a folder that predicts beside the machine from raw readings, with numpy and onnxruntime alone."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.edge.export import export_edge as write

        return write(settings, out, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


@app.command()
def maintain(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """OPTIMIZE and VACUUM the Delta tables; time travel reaches back as far as etl_config.yaml keeps."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.table_maintenance import maintain as compact
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return compact(settings, spark, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


if __name__ == "__main__":
    main()
