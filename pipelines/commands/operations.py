"""Commands of daily operation: demo, run, score, monitor, serve, reproduce, export-edge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.errors import AltavizError
from config.logs import set_up_logs
from config.settings import Settings
from pipelines.commands.options import (
    OPERATIONS,
    AsOfOption,
    CommonOptions,
    HomeOption,
    HomeRules,
    JsonOption,
    fail,
    home_argument,
    open_settings,
    parse_time,
    refused_by_ingest,
    run_job,
)
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=OPERATIONS)
def demo(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the whole product on simulated fleets: simulate, ingest, features, train, score, and the ranked fleet."""

    used: list[Settings] = []

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.demo import demo as run_demo

        used.append(settings)
        return run_demo(settings, report)

    from pipelines.runtime.home_access import demo_home
    from pipelines.views.cycle import show_demo

    def view(result: dict[str, Any]) -> None:
        listen = used[0].dashboard.listen
        show_demo(result, home_argument(used[0].home), f"http://{listen.host}:{listen.port}")

    run_job(job, view, CommonOptions(home, as_json), home_rules=HomeRules(choose=None if home else demo_home))


@app.command("run", rich_help_panel=OPERATIONS)
def run_cycle(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run one hourly cycle: ingest the inbox, features, score, monitor, and retrain if needed.

    Refused files do not stop a cycle once the home has readings. The exit code is then 3.
    """
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.cycle import run

        return run(settings, moment, report)

    from pipelines.views.cycle import show_cycle

    run_job(job, show_cycle, CommonOptions(home, as_json), refusals=lambda result: refused_by_ingest(result["ingest"]))


@app.command(rich_help_panel=OPERATIONS)
def score(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Predict the remaining life of every compressor, and write it to `ml_predictions`."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.score import score as predict

        return predict(settings, moment, report)

    from pipelines.views.fleet import show_fleet

    run_job(job, show_fleet, CommonOptions(home, as_json))


@app.command(rich_help_panel=OPERATIONS)
def monitor(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Compare the last days with the champion's training data, and decide whether to retrain."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.monitor import monitor as compare

        return compare(settings, moment, report)

    from pipelines.views.drift import show_drift

    run_job(job, show_drift, CommonOptions(home, as_json))


@app.command(rich_help_panel=OPERATIONS)
def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. Default: serving.yaml (loopback).", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one. Default: serving.yaml.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the prediction service (HTTP): score compressors, predict for windows, rank the fleet. It runs until interrupted."""
    from pipelines.operations.serve import serve as answer

    try:
        settings = open_settings(CommonOptions(home, as_json), HomeRules())
        set_up_logs(settings.home, to_stderr=True)
        answer(settings, host, port, as_json=as_json)
    except AltavizError as error:
        fail(str(error), as_json=as_json)


@app.command(rich_help_panel=OPERATIONS)
def reproduce(
    compressor_id: Annotated[
        str | None, typer.Argument(help="One compressor. Default: all that were scored at that moment.", show_default=False)
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="The moment that was scored. Default: the newest.", show_default=False),
    ] = None,
    model_version: Annotated[
        str | None, typer.Option("--model-version", metavar="V", help="One model version. Default: all.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute rows of `ml_predictions` from the data, model and settings that each names. Exit code 1 if one differs."""
    moment = parse_time(as_of)
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.reproduce import reproduce as recompute

        outcome.update(recompute(settings, compressor_id, moment, model_version, report))
        return outcome

    from pipelines.operations.reproduce import describe_differences
    from pipelines.views.reproduction import show_reproduction

    run_job(job, show_reproduction, CommonOptions(home, as_json))
    if not outcome["equal"]:
        fail(describe_differences(outcome), as_json=False)


@app.command("export-edge", rich_help_panel=OPERATIONS)
def export_edge(
    out: Annotated[Path, typer.Option("--out", help="Folder to write. An earlier export there is replaced.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the champion to a folder that predicts on site from raw readings. It needs numpy and onnxruntime only."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.edge.export import export_edge as write

        return write(settings, out, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
