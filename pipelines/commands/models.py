"""The commands of `altaviz models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer(help="List, show, promote and roll back the registered models.", no_args_is_help=True)


@app.command("list")
def models_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every version with its verdict, newest first."""

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
    """Show one version: its training data, its numbers, and every decision about it."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import show_model

        return show_model(settings, version)

    from pipelines.views.models import show_version

    run_job(job, show_version, CommonOptions(home, as_json))


@app.command("promote")
def models_promote(
    version: Annotated[str, typer.Argument(help="A version of `altaviz models list`.")],
    force: Annotated[bool, typer.Option("--force", help="Promote it even if the gate refuses it. Needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why. It is stored with the decision.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a version again, beside today's champion on today's history. Make it champion if the gate passes it."""
    if force and not (reason or "").strip():
        raise typer.BadParameter("--force needs --reason TEXT: give the reason for overruling the gate")

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.promotion import promote
        from pipelines.runtime.spark import LazySpark

        with LazySpark(settings) as spark:
            return promote(settings, version, reason, spark, report, force=force)

    from pipelines.views.models import show_promotion

    run_job(job, show_promotion, CommonOptions(home, as_json))


@app.command("rollback")
def models_rollback(
    version: Annotated[str | None, typer.Argument(help="A former champion. Default: the one before the present champion.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why. It is stored with the decision.", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a former champion champion again. A running service takes it up within 30 s."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import rollback

        return rollback(settings, version, reason)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))


@app.command("card")
def models_card(
    version: Annotated[str, typer.Argument(help="A version of `altaviz models list`.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to copy it to: Markdown, HTML and figures.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where the model card of a version is stored: its data, its accuracy and its limits.

    With --out, copy it. Without --out: where it lies.
    """

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lifecycle.versions import model_card

        return model_card(settings, version, out)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
