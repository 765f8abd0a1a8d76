"""The commands of `altaviz benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, HomeRules, JsonOption, SetOption, run_job
from pipelines.runtime.console import StageReporter

FleetSeedsOption = Annotated[
    list[int] | None,
    typer.Option("--seed", min=0, help="Seed of a fleet. May be repeated. Default: the ten of monitoring.yaml.", show_default=False),
]
SubsetOption = Annotated[str, typer.Option("--subset", help="FD001 to FD004.")]

app = typer.Typer(help="Compare Altaviz with public data and other code.", no_args_is_help=True)


@app.command("cmapss")
def benchmark_cmapss(
    data: Annotated[Path, typer.Option("--data", help="Folder with train_, test_ and RUL_ files of C-MAPSS.")],
    subset: SubsetOption = "FD001",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings, each with its own seed.")] = 5,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train and score the same code on NASA's turbofan engines (C-MAPSS), and report the usual errors."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.cmapss import cmapss

        return cmapss(settings, data, subset, seeds, report)

    from pipelines.views.benchmark import show_cmapss

    run_job(job, show_cmapss, CommonOptions(home, as_json, overrides), home_rules=HomeRules(database=False))


@app.command("ablation")
def benchmark_ablation(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder with C-MAPSS files: ablate the turbofan model, not the compressor model.", show_default=False),
    ] = None,
    subset: SubsetOption = "FD001",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each variant, each with its own seed.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="One variant of ablation.yaml. May be repeated.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the model without one of its parts at a time, and report what each part is worth."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.ablation import ablate_cmapss, ablate_compressors
        from pipelines.runtime.spark import LazySpark

        if data is not None:
            return ablate_cmapss(settings, data, subset, seeds, only, report)
        with LazySpark(settings) as spark:
            return ablate_compressors(settings, seeds, only, spark, report)

    from pipelines.views.benchmark import show_ablation

    run_job(job, show_ablation, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("features")
def benchmark_features(
    compressors: Annotated[int, typer.Option("--compressors", min=1)] = 4500,
    days: Annotated[int, typer.Option("--days", min=1)] = 7,
    interval_min: Annotated[int, typer.Option("--interval-min", min=1, help="Minutes between readings.")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time bronze to gold on a simulated fleet. Compare gold with Spark's own windows and with DuckDB."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.features import features as measure
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return measure(settings, compressors, days, interval_min, spark, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("training")
def benchmark_training(
    windows: Annotated[
        int, typer.Option("--windows", min=1, help="Windows of an epoch. Memory is also measured with ten times as many.")
    ] = 20_000,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="Timed fits of each, of fit.epochs epochs.")] = 5,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time fitting on windows cut on demand, compared with Keras on windows in memory. Measure peak memory with 1x and 10x the windows."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.network import training

        return training(settings, windows, repetitions, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json, overrides), home_rules=HomeRules(database=False))


@app.command("scoring")
def benchmark_scoring(
    windows: Annotated[int, typer.Option("--windows", min=1, help="Compressors of the fleet.")] = 4500,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="How often each scores the fleet.")] = 15,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time the scoring of a fleet with ONNX Runtime, compared with Keras `predict` and with one window at a time."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.network import scoring

        return scoring(settings, windows, repetitions, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json, overrides), home_rules=HomeRules(database=False))


@app.command("drift")
def benchmark_drift(
    seeds: FleetSeedsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Monitor weeks of unseen fleets, without faults and with sensors that read high, compared with Evidently's defaults."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.drift import drift
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return drift(settings, seeds, spark, report)

    from pipelines.views.drift import show_drift_weeks

    run_job(job, show_drift_weeks, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("sensor-faults")
def benchmark_sensor_faults(
    seeds: FleetSeedsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the sensors of unseen fleets, without and with simulated faults. Report false alarms, and the time until a fault is found."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.sensor_faults import sensor_faults

        return sensor_faults(settings, seeds, report)

    from pipelines.views.benchmark import show_sensor_faults

    run_job(job, show_sensor_faults, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("alarms")
def benchmark_alarms(
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seed", min=0, help="Seed of a fleet. May be repeated. Default: those of quality.yaml.", show_default=False),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the alarms of unseen fleets, with and without grouping, and how long before each failure the first one stood."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.alarms import alarms
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return alarms(settings, seeds, spark, report)

    from pipelines.views.alerts import show_alarm_benchmark

    run_job(job, show_alarm_benchmark, CommonOptions(home, as_json))


@app.command("serving")
def benchmark_serving(
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="How long the load lasts.")] = 10,
    rate: Annotated[float, typer.Option("--rate", min=1, help="Requests a second.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the service with mixed requests. Then compare its time a window with ONNX Runtime and `mlflow models serve`."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.serving import serving

        return serving(settings, minutes, rate, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("compressor")
def benchmark_compressor(
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="How long the load lasts.")] = 10,
    rate: Annotated[float, typer.Option("--rate", min=1, help="Requests a second.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the service with requests for one compressor by its id, and report latency and memory."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.compressor import one_compressor

        return one_compressor(settings, minutes, rate, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json), home_rules=HomeRules(database=False))


@app.command("warehouse")
def benchmark_warehouse(
    compressors: Annotated[int, typer.Option("--compressors", min=1)] = 4500,
    days: Annotated[int, typer.Option("--days", min=1, help="Days of hourly rows.")] = 30,
    predictions: Annotated[int, typer.Option("--predictions", min=1, help="Rows of ml_predictions.")] = 500_000,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="How often each question is timed.")] = 100,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Folder of the made-up fleet. It is filled once and used again. Default: none is kept.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time every question of service and pages, and the hourly write, on a large made-up fleet in a PostgreSQL of its own."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmarking.warehouse import warehouse
        from pipelines.benchmarking.warehouse_fleet import FleetSize

        return warehouse(settings, FleetSize(compressors, days, predictions), repetitions, data, report)

    from pipelines.views.benchmark import show_warehouse

    run_job(job, show_warehouse, CommonOptions(home, as_json))
