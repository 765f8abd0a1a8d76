"""altaviz models ...: the group's commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer(help="The registered models: which there are, why, and the way back.", no_args_is_help=True)


@app.command("list")
def models_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every version with its verdict, newest first."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import list_models

        return list_models(settings)

    from pipelines.views.models import show_models

    run_job(job, show_models, CommonOptions(home, as_json))


@app.command("show")
def models_show(
    version: Annotated[str, typer.Argument(help="A version of `altaviz models list`.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One version: what it was trained on, its numbers, and every decision about it."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import show_model

        return show_model(settings, version)

    from pipelines.views.models import show_version

    run_job(job, show_version, CommonOptions(home, as_json))


@app.command("promote")
def models_promote(
    version: Annotated[str, typer.Argument(help="A version of `altaviz models list`.")],
    force: Annotated[bool, typer.Option("--force", help="Promote it although the gate refuses it; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the decision.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a version before the gate once more, beside today's champion on today's history, and make it champion if it passes."""
    if force and not (reason or "").strip():
        raise typer.BadParameter("--force needs --reason TEXT: whoever overrules the gate says why")

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.promotion import promote
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return promote(settings, version, reason, spark, report, force=force)

    from pipelines.views.models import show_promotion

    run_job(job, show_promotion, CommonOptions(home, as_json))


@app.command("rollback")
def models_rollback(
    version: Annotated[str | None, typer.Argument(help="A former champion; the one before the present one when left out.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the decision.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a former champion champion again; a running service takes it over when it is restarted."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import rollback

        return rollback(settings, version, reason)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))


@app.command("card")
def models_card(
    version: Annotated[str, typer.Argument(help="A version of `altaviz models list`.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Copy it here: Markdown, HTML and figures.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The model card of a version: what it was made from, how good it is and where it is not. Without --out: where it lies."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import model_card

        return model_card(settings, version, out)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
