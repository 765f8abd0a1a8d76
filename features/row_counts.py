"""Row counts of a lake: rows read, kept, rejected and nulled add up."""

from __future__ import annotations

import polars as pl

from features.lake import BRONZE, GOLD, REJECTS, SILVER, Lake
from features.quarantine import open_refusals


def count_rows(lake: Lake) -> dict[str, object]:
    """Row counts of all tables, and refused files and nulled values by reason.

    bronze_rows = silver_rows + sum(rejected_rows) + pending_rows.
    """
    refused: dict[str, dict[str, int]] = {"row": {}, "value": {}}
    if lake.exists(REJECTS):
        counted = pl.scan_delta(lake.uri(REJECTS)).group_by("kind", "reason").len().sort("kind", "reason").collect()
        for kind, reason, rows in counted.iter_rows():
            refused[kind][reason] = rows
    bronze_rows, silver_rows = lake.row_count(BRONZE), lake.row_count(SILVER)
    return {
        "bronze_rows": bronze_rows,
        "silver_rows": silver_rows,
        "gold_rows": lake.row_count(GOLD),
        "rejected_files": {name: refusal.reason for name, refusal in open_refusals(lake).items()},
        "rejected_rows": refused["row"],
        "nulled_values": refused["value"],
        "pending_rows": bronze_rows - silver_rows - sum(refused["row"].values()),
    }
