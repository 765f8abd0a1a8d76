"""The command line. Commands parse, hand over to one job and show what it returns; heavy imports stay in the jobs."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

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
    typer.Option("--as-of", metavar="TIME", help="What counts as now: ISO 8601, UTC where no zone is given.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of model_config.yaml, e.g. fit.epochs=3.", show_default=False),
]

Job = Callable[[Settings, StageReporter], dict[str, Any]]
View = Callable[[dict[str, Any]], None]


def main() -> None:
    """Console script `altaviz`: exit 0 done, 1 failed with one line why, 2 wrong use."""
    # set before TensorFlow is ever imported: its banners are not for the user
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("GLOG_minloglevel", "3")
    warnings.simplefilter("ignore")
    app()


def run_job(job: Job, view: View, *, home: Path | None, as_json: bool, overrides: list[str] | None = None) -> None:
    """Run one job and show its result; an AltavizError is one line and exit code 1."""
    from config.logs import get_log, set_up_logs

    interactive = is_interactive() and not as_json
    try:
        settings = load_settings(home, model_overrides=parse_overrides(overrides or []))
        ensure_home(settings.home)
        set_up_logs(settings.home, to_stderr=not interactive)
        with StageReporter(interactive=interactive) as report:
            result = job(settings, report)
    except AltavizError as error:
        fail(str(error), as_json=as_json)
    except Exception as error:
        get_log().error("unexpected failure", error=repr(error), exc_info=True)
        log = settings.home / "logs" / "altaviz.log"
        fail(f"unexpected {type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]} (traceback in {log})", as_json=as_json)
    else:
        if as_json:
            sys.stdout.write(json.dumps(result, default=_plain) + "\n")
        else:
            view(result)


def fail(message: str, *, as_json: bool) -> None:
    """Print one line and leave with exit code 1."""
    line = " ".join(message.split())
    if as_json:
        sys.stdout.write(json.dumps({"error": line}) + "\n")
    sys.stderr.write(f"altaviz: {line}\n")
    raise typer.Exit(1)


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
    if text is None:
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
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {pair!r}: write KEY=VALUE, e.g. fit.epochs=3")
        values[key] = yaml.safe_load(value)
    return values


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
