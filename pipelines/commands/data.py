"""Commands that make and load data: simulate, ingest, features, maintain."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from config.settings import Settings
from pipelines.commands.options import (
    DATA,
    AsOfOption,
    CommonOptions,
    HomeOption,
    HomeRules,
    JsonOption,
    parse_time,
    refused_by_ingest,
    run_job,
)
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=DATA)
def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write: readings/, compressor_metadata.csv, maintenance_events.csv, truth/.")
    ],
    profile: Annotated[
        Literal["demo", "history"], typer.Option("--profile", help="demo: a small fleet to score. history: a large one to train on.")
    ] = "demo",
    compressors: Annotated[
        int | None, typer.Option("--compressors", min=1, help="Number of compressors. Default: simulator.yaml.", show_default=False)
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Days of readings. Default: simulator.yaml.", show_default=False)
    ] = None,
    interval_min: Annotated[
        int | None, typer.Option("--interval-min", min=1, help="Minutes between readings. Default: simulator.yaml.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The same seed gives the same files. Default: simulator.yaml.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a fleet, in files such as a site would deliver."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.simulate import FleetRequest, run

        with report.stage("simulate") as advance:
            request = FleetRequest(profile, compressors, days, interval_min, seed)
            simulated = run(out, settings.simulator, settings.fleet, request, advance)
        return dataclasses.asdict(simulated)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command(rich_help_panel=DATA)
def ingest(
    folder: Annotated[Path, typer.Argument(help="Folder with readings/, compressor_metadata.csv and maintenance_events.csv.")],
    site: Annotated[
        Path | None,
        typer.Option("--site", metavar="FILE", help="Description of the site's files. Default: FOLDER/site.yaml.", show_default=False),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read everything and write nothing. Report what would be loaded or refused.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load readings and reference files into bronze. Loading the same files again adds nothing.

    Exit code 1 if every reading file was refused, 3 if some files were.
    """

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        if check:
            from pipelines.lakehouse.ingest_check import check as run_check

            return run_check(settings, folder, report, site)
        from pipelines.lakehouse.ingest import ingest as load
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return load(settings, folder, spark, report, site)

    from pipelines.views.data import show_books
    from pipelines.views.site import show_check

    run_job(job, show_check if check else show_books, CommonOptions(home, as_json), refusals=refused_by_ingest)


@app.command(rich_help_panel=DATA)
def features(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Update silver, gold and the warehouse aggregates with what was ingested."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.medallion import build
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return build(settings, moment, spark, report)

    from pipelines.views.data import show_books

    run_job(job, show_books, CommonOptions(home, as_json))


@app.command(rich_help_panel=DATA)
def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing. Report what the warehouse would drop.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop what the warehouse does not keep (retention in database.yaml), then compact and clean the Delta tables (OPTIMIZE, VACUUM).

    etl_config.yaml sets how far time travel reaches back.
    """

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.table_maintenance import maintain as compact
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return compact(settings, spark, report, dry_run=dry_run)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
