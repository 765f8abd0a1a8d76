"""Runs 0007_newest_predictions.sql."""

from pathlib import Path

from alembic import op

from serving.warehouse.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create what the SQL file describes."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
