"""The command line. Commands parse, hand over to one job and show what it returns; heavy imports stay in the jobs."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from config.errors import AltavizError, ConfigError
from config.settings import Settings, ensure_home, load_settings
from pipelines.console import StageReporter, is_interactive

app = typer.Typer(
    name="altaviz",
    help="Which compressors need attention, by when, and why?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
benchmark_app = typer.Typer(help="Measure Altaviz against data and code that others know.", no_args_is_help=True)
app.add_typer(benchmark_app, name="benchmark")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where everything is kept (ALTAVIZ_HOME; default ./var).", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, logs on stderr.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="What counts as now: ISO 8601, UTC where no zone is given; or `now`.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of model_config.yaml, e.g. fit.epochs=3.", show_default=False),
]

_INTERRUPTED = 130  # what shells expect after Ctrl-C

Job = Callable[[Settings, StageReporter], dict[str, Any]]
View = Callable[[dict[str, Any]], None]


def main() -> None:
    """Console script `altaviz`: exit 0 done, 1 failed with one line why, 2 wrong use."""
    # read by MLflow when it is first imported; errors still come through
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.simplefilter("ignore")
    app()


def run_job(job: Job, view: View, *, home: Path | None, as_json: bool, overrides: list[str] | None = None) -> None:
    """Run one job and show its result; an AltavizError is one line and exit code 1."""
    from config.logs import get_log, set_up_logs

    interactive = is_interactive() and not as_json
    try:
        settings = load_settings(home, model_overrides=parse_overrides(overrides or []))
        if overrides:
            _ = settings.model  # a wrong override fails here, not after the heavy imports
        ensure_home(settings.home)
        set_up_logs(settings.home, to_stderr=not interactive)
        with StageReporter(interactive=interactive) as report:
            result = job(settings, report)
    except AltavizError as error:
        fail(str(error), as_json=as_json)
    except KeyboardInterrupt:
        fail("interrupted: nothing is lost, run the same command again", as_json=as_json, code=_INTERRUPTED)
    except Exception as error:
        get_log().error("unexpected failure", error=repr(error), exc_info=True)
        log = settings.home / "logs" / "altaviz.log"
        fail(f"unexpected {type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]} (traceback in {log})", as_json=as_json)
    else:
        if as_json:
            sys.stdout.write(json.dumps(result, default=_plain) + "\n")
        else:
            view(result)


def fail(message: str, *, as_json: bool, code: int = 1) -> None:
    """Print one line and leave with exit code `code`."""
    line = " ".join(message.split())
    if as_json:
        sys.stdout.write(json.dumps({"error": line}) + "\n")
    sys.stderr.write(f"altaviz: {line}\n")
    raise typer.Exit(code)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


def parse_time(text: str | None) -> datetime | None:
    """ISO 8601 as UTC; wrong use (exit 2) when it is none."""
    if text is None or text == "now":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time such as 2026-03-09T05:50:00", param_hint="--as-of") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """`key=value` pairs as dotted key -> YAML value. Raises ConfigError."""
    import yaml

    values: dict[str, Any] = {}
    for pair in filter(None, pairs):  # an MLproject parameter that is left out arrives as empty text
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {pair!r}: write KEY=VALUE, e.g. fit.epochs=3")
        values[key] = yaml.safe_load(value)
    return values


@benchmark_app.command("cmapss")
def benchmark_cmapss(
    data: Annotated[Path, typer.Option("--data", help="Folder with train_, test_ and RUL_ files of C-MAPSS.")],
    subset: Annotated[str, typer.Option("--subset", help="FD001 to FD004.")] = "FD001",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings, each with its own seed.")] = 3,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train and score on NASA's turbofans with the same code, and report the error others report."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmark import cmapss

        return cmapss(settings, data, subset, seeds, report)

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json, overrides=overrides)


@benchmark_app.command("features")
def benchmark_features(
    compressors: Annotated[int, typer.Option("--compressors", min=1)] = 4500,
    days: Annotated[int, typer.Option("--days", min=1)] = 7,
    interval_min: Annotated[int, typer.Option("--interval-min", min=1, help="Minutes between readings.")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time bronze to gold on a simulated fleet, and gold alone beside Spark's own windows and DuckDB."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.benchmark import features as measure
        from pipelines.session import LazySpark

        with LazySpark(settings) as spark:
            return measure(settings, compressors, days, interval_min, spark, report)

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


@app.command()
def ingest(
    folder: Annotated[Path, typer.Argument(help="Holds readings/, compressor_metadata.csv, maintenance_events.csv.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load readings and reference files into bronze; doing it again adds nothing."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.ingest import ingest as load
        from pipelines.session import LazySpark

        with LazySpark(settings) as spark:
            return load(settings, folder, spark, report)

    from pipelines.views import show_books

    run_job(job, show_books, home=home, as_json=as_json)


@app.command()
def features(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Bring silver, gold and the warehouse aggregates up to what was ingested."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.features import build
        from pipelines.session import LazySpark

        with LazySpark(settings) as spark:
            return build(settings, moment, spark, report)

    from pipelines.views import show_books

    run_job(job, show_books, home=home, as_json=as_json)


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write: readings/, compressor_metadata.csv, maintenance_events.csv, truth/.")
    ],
    profile: Annotated[Literal["demo", "history"], typer.Option("--profile", help="The demo's fleet, or one to train on.")] = "demo",
    compressors: Annotated[int | None, typer.Option("--compressors", min=1, help="history only", show_default=False)] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="history only", show_default=False)] = None,
    interval_min: Annotated[int | None, typer.Option("--interval-min", min=1, help="Minutes between readings.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The same seed gives the same files.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a fleet as a site would hand it over."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.simulate import run

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

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


@app.command()
def train(overrides: SetOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Train a model on gold, track it in MLflow, register it and let the gate decide."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.train import train as fit

        return fit(settings, report)

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json, overrides=overrides)


@app.command()
def score(as_of: AsOfOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Predict the remaining life of every compressor and write it to `ml_predictions`."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.score import score as predict

        return predict(settings, moment, report)

    from pipelines.views import show_fleet

    run_job(job, show_fleet, home=home, as_json=as_json)


@app.command()
def demo(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The main job: simulate, ingest, features, train, score, and the ranked fleet."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.demo import demo as run_demo

        return run_demo(settings, report)

    from pipelines.views import show_demo

    run_job(job, show_demo, home=home, as_json=as_json)


@app.command()
def experiments(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000, home: HomeOption = None
) -> None:
    """Open the MLflow page of this home's runs and models (until interrupted)."""
    from pipelines.experiments import serve_experiments

    try:
        settings = load_settings(home)
        ensure_home(settings.home)
        raise typer.Exit(serve_experiments(settings, port))
    except AltavizError as error:
        fail(str(error), as_json=False)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What this home holds: rows, versions, champion."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.status import summarise

        return summarise(settings, report)

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check Java, Spark, Delta, database, tracking and disk, and say how to mend each; exit 1 when something is wrong."""
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.doctor import examine

        outcome.update(examine(settings, report))
        return outcome

    from pipelines.views import show_checks

    run_job(job, show_checks, home=home, as_json=as_json)
    if not outcome["ok"]:
        raise typer.Exit(1)


@app.command("evaluate")
def evaluate_champion(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Judge the champion by event on unseen fleets: failures caught, false alarms, errors; its baseline and bare thresholds beside it."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.evaluate import evaluate
        from pipelines.session import LazySpark

        with LazySpark(settings) as spark:
            return evaluate(settings, spark, report)

    from pipelines.views import show_evaluation

    run_job(job, show_evaluation, home=home, as_json=as_json)


@app.command()
def maintain(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """OPTIMIZE and VACUUM the Delta tables; time travel reaches back as far as etl_config.yaml keeps."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.maintain import maintain as compact
        from pipelines.session import LazySpark

        with LazySpark(settings) as spark:
            return compact(settings, spark, report)

    from pipelines.views import show_facts

    run_job(job, show_facts, home=home, as_json=as_json)


if __name__ == "__main__":
    logging.captureWarnings(True)
    main()
