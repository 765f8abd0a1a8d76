"""The commands of `altaviz keys`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter
from serving.access.roles import Role

app = typer.Typer(help="Make, list, revoke and rotate the keys of the prediction service.", no_args_is_help=True)

_KeyId = Annotated[str, typer.Argument(help="The id of a key, from `altaviz keys list`.")]


@app.command("create")
def keys_create(
    name: Annotated[str, typer.Option("--name", help="Who or what uses the key. It stands beside every write.")],
    role: Annotated[
        Role, typer.Option("--role", help="reader: reads. scorer: also scores. planner: also alerts and work orders. admin: all.")
    ],
    expires_days: Annotated[
        int | None,
        typer.Option("--expires", metavar="DAYS", min=1, max=3650, help="Days until it ends. Default: never.", show_default=False),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="N", min=1, help="Requests a minute. Default: serving.yaml.", show_default=False),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it once. A running service takes it within seconds."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.keys import create
        from serving.access.keys import NewKey

        return create(settings, NewKey(name, role, timedelta(days=expires_days) if expires_days else None, rate))

    from pipelines.views.keys import show_made

    run_job(job, show_made, CommonOptions(home, as_json))


@app.command("list")
def keys_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every key, newest first: who uses it, its role, its state and its last use. The keys themselves are stored nowhere."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.keys import listed

        return listed(settings)

    from pipelines.views.keys import show_keys

    run_job(job, show_keys, CommonOptions(home, as_json))


@app.command("revoke")
def keys_revoke(key_id: _KeyId, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a key now. A running service refuses it within seconds."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.keys import revoke

        return revoke(settings, key_id)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))


@app.command("rotate")
def keys_rotate(
    key_id: _KeyId,
    overlap_hours: Annotated[
        float, typer.Option("--overlap", metavar="HOURS", min=0, max=8760, help="Hours in which both keys work.")
    ] = 24.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key with the name, role and lifetime of an old one, and end the old one after the overlap."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.keys import rotate

        return rotate(settings, key_id, timedelta(hours=overlap_hours))

    from pipelines.views.keys import show_made

    run_job(job, show_made, CommonOptions(home, as_json))
