"""Runs 0004_drift.sql."""

from pathlib import Path

from alembic import op

from serving.warehouse.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create what the SQL file describes."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
