"""Recomputes rows of `ml_predictions` from the gold version, window, rules and model that each names: `altaviz reproduce`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from deltalake.exceptions import DeltaError

from config.errors import InputError, ModelError, NoDataError
from config.secrets import hide_passwords
from config.settings import Settings
from features.contract import REGISTERED_MODEL
from features.lake import GOLD, Lake
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from serving.prediction.predictor import Predictor
from serving.prediction.reproduction import NUMBERS, WINDOW, compare
from serving.registry.client import Registry
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import latest_predictions, predictions_of_a_moment

if TYPE_CHECKING:
    from serving.prediction.reproduction import Reproduction
    from serving.registry.model_version import RegisteredModel
    from serving.schemas import Prediction
    from serving.warehouse.connection import Warehouse

# A row without these cannot be reproduced.
_NAMED: Final = ("gold_table_id", "gold_version", "model_digest", "min_steps", "stale_after_hours")


def reproduce(
    settings: Settings, compressor_id: str | None, as_of: datetime | None, model_version: str | None, report: StageReporter
) -> dict[str, Any]:
    """Recompute the predictions for `as_of` (None: the newest), optionally of one compressor and one model version.

    Returns equal, rows (each with key, gold version, window, numbers, texts, values, differs, because), precision, seconds.
    Raises NoDataError (no such row), InputError (its gold is gone), ModelError (its model is missing), WarehouseError.
    """
    started = time.perf_counter()
    quieten()
    with report.stage("stored rows") as advance, migrated_warehouse(settings.database, settings.home) as warehouse:
        chosen = _rows(warehouse, compressor_id, as_of, model_version)
        # The last bits of a probability depend on its batch, so each row is recomputed with the rows it was scored with.
        rows = _rows(warehouse, None, chosen[0].prediction_timestamp, None)
        advance(1, 1, rows=len(chosen))
    keys = {(row.compressor_id, row.model_version) for row in chosen}
    lake, registry = Lake(settings.lake_uri), Registry(settings.tracking_uri)
    found: list[Reproduction] = []
    with report.stage("recompute") as advance:
        for _, group in groupby(sorted(rows, key=_made_from), key=_made_from):
            together = list(group)
            if any((row.compressor_id, row.model_version) in keys for row in together):
                found += _recompute(settings, lake, registry, together)
        advance(1, 1, rows=len(found))
    compared = sorted(
        (row for row in found if (row.stored.compressor_id, row.stored.model_version) in keys),
        key=lambda row: (row.stored.compressor_id, row.stored.model_version),
    )
    return {
        "equal": all(row.equal for row in compared),
        "rows": [_report_row(row) for row in compared],
        "precision": {name: 10**-digits for name, digits in NUMBERS.items()},
        "seconds": round(time.perf_counter() - started, 2),
    }


def _rows(warehouse: Warehouse, compressor_id: str | None, as_of: datetime | None, model_version: str | None) -> list[Prediction]:
    with warehouse.connection() as connection:
        rows = predictions_of_a_moment(connection, compressor_id, as_of, model_version)
        if rows:
            return rows
        newest = [
            f"{row.prediction_timestamp.isoformat()} by version {row.model_version}"
            for row in latest_predictions(connection)
            if compressor_id in (None, row.compressor_id)
        ]
    wanted = [compressor_id or "any compressor"]
    wanted += [] if as_of is None else [f"at {as_of.isoformat()}"]
    wanted += [] if model_version is None else [f"by version {model_version}"]
    hint = f"the newest is of {max(newest)}; `altaviz score --as-of TIME` writes one" if newest else "`altaviz score` writes some"
    raise NoDataError(f"ml_predictions has no row of {' '.join(wanted)}: {hint}")


def _made_from(row: Prediction) -> tuple[str, ...]:
    """The key that rows scored together share."""
    used = row.features_used
    return (row.model_version, *(str(used.get(name)) for name in (*_NAMED, "scored_by")))


def _recompute(settings: Settings, lake: Lake, registry: Registry, rows: list[Prediction]) -> list[Reproduction]:
    """Recompute rows that were scored together."""
    first, used = rows[0], rows[0].features_used
    for row in rows:
        missing = [name for name in (*_NAMED, *WINDOW) if name not in row.features_used]
        if missing:
            raise InputError(
                f"the row of {row.compressor_id} at {row.prediction_timestamp.isoformat()} was written before rows named their "
                f"{', '.join(missing)}: score that moment again with `altaviz score --as-of`"
            )
    _require_table(lake, used)
    model = _model(registry, first.model_version, used)
    scoring = settings.scoring.model_copy(update={name: used[name] for name in ("min_steps", "stale_after_hours")})
    predictor = Predictor(model, scoring, settings.costs, settings.model.scoring.threads, used["scored_by"])
    ids = sorted(row.compressor_id for row in rows)
    # as known then, without events recorded later
    begun = {row.compressor_id: row.features_used.get("renewed_at") for row in rows}
    renewed = {name: datetime.fromisoformat(moment) for name, moment in begun.items() if moment is not None}
    try:
        gold = lake.delta(GOLD, used["gold_version"])
        recomputed = {item.compressor_id: item for item in predictor.predict(gold, ids, first.prediction_timestamp, renewed)}
    except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
        reason = hide_passwords((str(error).splitlines() or [type(error).__name__])[0])[:200]
        raise InputError(
            f"version {used['gold_version']} of {lake.uri(GOLD)} cannot be read any more ({reason}): a vacuum keeps what the last "
            f"{settings.etl.lake.vacuum_retention_hours} h needed; restore the files, or score the moment again with `altaviz score --as-of`"
        ) from error
    return [compare(row, recomputed[row.compressor_id]) for row in rows]


def _require_table(lake: Lake, used: Mapping[str, Any]) -> None:
    if str(lake.delta(GOLD).metadata().id) != used["gold_table_id"]:
        raise InputError(
            f"{lake.uri(GOLD)} is another table than the one the row was made from ({used['gold_uri']}, id {used['gold_table_id']}): "
            "point ALTAVIZ_LAKE_URI or --home at the lake that has it"
        )


def _model(registry: Registry, version: str, used: Mapping[str, Any]) -> RegisteredModel:
    advice = "point MLFLOW_TRACKING_URI or --home at the store that has it"
    if version not in {item.version for item in registry.versions()}:
        raise ModelError(f"there is no version {version} of {REGISTERED_MODEL}, which the row names: {advice}")
    model = registry.load(version)
    if model.digest != used["model_digest"]:
        raise ModelError(
            f"version {version} of {REGISTERED_MODEL} is another model (SHA-256 {model.digest}...) than the one that made the row "
            f"({used['model_digest']}...): {advice}"
        )
    return model


def _report_row(row: Reproduction) -> dict[str, Any]:
    stored, used = row.stored, row.stored.features_used
    return {
        "compressor_id": stored.compressor_id,
        "prediction_timestamp": stored.prediction_timestamp,
        "model_version": stored.model_version,
        **{name: used[name] for name in ("scored_by", "gold_uri", "gold_version", "window_start", "window_end")},
        "equal": row.equal,
        "differs": row.differs,
        "because": row.because,
        "numbers": row.numbers,
        "texts": row.texts,
        "values": row.values,
    }


def describe_differences(result: Mapping[str, Any]) -> str:
    """One line that names the rows that differ."""
    others = [f"{row['compressor_id']} ({', '.join(row['differs'])})" for row in result["rows"] if not row["equal"]]
    reasons = sorted({reason for row in result["rows"] for reason in row["because"]})
    known = f"; {', '.join(reasons)}" if reasons else ""
    return f"{len(others)} of {len(result['rows'])} rows differ from their recomputation: {', '.join(others)}{known}"
