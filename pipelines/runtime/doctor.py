"""Checks everything that commands need, and reports how to repair it: `altaviz doctor`."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from typing import Any

from config.errors import AltavizError, EnvironmentSetupError, HomeError
from config.settings import SECTIONS, Settings
from features.contract import CHAMPION
from features.model_file.onnx_model import OnnxModel
from pipelines.runtime.class_archive import class_archive
from pipelines.runtime.console import StageReporter
from pipelines.runtime.jars import SETUP, delta_jars, require_pinned
from pipelines.runtime.java import find_java, java_version
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.spark import LazySpark
from serving.home.artifact_paths import last_move
from serving.home.ownership import find_exposed, find_refusal
from serving.registry.client import Registry
from serving.registry.model_record import compare_with_decisions, made_champion
from serving.warehouse.migrations import latest_version, migrated_warehouse, missing_roles

_LEAST_FREE_GB = 5.0  # the demo and a month of tables fit, with room to rewrite them


def examine(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Run every check; returns {name: {ok, says}} and `ok`. A failed check does not stop the others."""
    checks: dict[str, Callable[[Settings], str]] = {
        "configuration": _configuration,
        "java": _java,
        "spark": _spark,
        "delta": _delta,
        "database": _database,
        "tracking": _tracking,
        "files": _files,
        "disk": _disk,
    }
    found: dict[str, dict[str, Any]] = {}
    for name, check in checks.items():
        with report.stage(name):
            try:
                found[name] = {"ok": True, "says": check(settings)}
            except AltavizError as error:
                found[name] = {"ok": False, "says": str(error)}
    return {"ok": all(result["ok"] for result in found.values()), "checks": found}


def _configuration(settings: Settings) -> str:
    for section in SECTIONS:
        getattr(settings, section)
    return f"{len(SECTIONS)} files in {settings.config_dir} are valid"


def _java(settings: Settings) -> str:
    home = find_java()
    return f"Java {java_version(home)} in {home}"


def _spark(settings: Settings) -> str:
    with LazySpark(settings) as spark:
        session = spark.get()
        session.range(1).count()
        slow = f"; it starts slowly, because its classes are not archived for this Java: run `{SETUP}`"
        start = slow if class_archive(find_java()) is None else ""
        return f"Spark {session.version} on {session.sparkContext.master}{start}"


def _delta(settings: Settings) -> str:
    jars = delta_jars()
    if not jars:
        raise EnvironmentSetupError(f"the Delta jars are missing: run `{SETUP}`")
    require_pinned(jars)
    return f"{len(jars)} Delta jars beside Spark's"


def _database(settings: Settings) -> str:
    with migrated_warehouse(settings.database, settings.home) as warehouse:
        with warehouse.connection() as connection:
            missing = missing_roles(connection)
        roles = f"; roles {', '.join(missing)} are missing: have them made (docs/how-to/warehouse.md)" if missing else ""
        return f"{warehouse.place} at schema {latest_version()}{roles}"


def _tracking(settings: Settings) -> str:
    """Read the champion's file, compare its SHA-256 with registry and decision, and open it, as scoring does."""
    quieten()
    registry = Registry(settings.tracking_uri)
    version = registry.version_of(CHAMPION)
    move = last_move(settings.tracking_uri)
    moved = f"; its paths named {move.origin} until {move.moved_at:%Y-%m-%d %H:%M} UTC and name {move.folder} now" if move else ""
    if version is None:
        return f"the MLflow store answers; no champion yet: run `altaviz train`{moved}"
    champion = registry.load(version)
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        compare_with_decisions(connection, champion)
        decided = (
            "" if made_champion(connection, champion) else ", but no decision in the warehouse made it champion (docs/concepts/model.md)"
        )
    OnnxModel(champion.onnx, settings.model.scoring.threads)
    return f"the MLflow store answers; champion is version {version}{decided}, its file opens (SHA-256 {champion.digest}...){moved}"


def _files(settings: Settings) -> str:
    refusal = find_refusal(settings.home)
    if refusal:
        raise HomeError(refusal)
    exposed = find_exposed(settings.home)
    if exposed:
        path, repair = exposed
        raise HomeError(
            f"other users of this machine can read {path} ({stat.filemode(path.stat().st_mode)}): while no command runs, {repair}"
        )
    return f"every file in {settings.home} can be read and written, and by no other user"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.home).free / 1e9
    if free < _LEAST_FREE_GB:
        raise HomeError(f"{settings.home} has {free:.1f} GB free, {_LEAST_FREE_GB:.0f} are needed: free some, or choose another --home")
    return f"{free:.0f} GB free for {settings.home}"
