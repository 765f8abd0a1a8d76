"""Runs 0018_planner_views.sql."""

from pathlib import Path

from alembic import op

from serving.warehouse.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Change what the SQL file describes."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
