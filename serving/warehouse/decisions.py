"""Who became champion, who was refused, and why, in the warehouse. The registry's aliases are what counts; this is the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import psycopg
from psycopg.rows import class_row

from config.errors import WarehouseError
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import Table, upsert_rows

Outcome = Literal["promoted", "refused", "rolled_back"]
Trigger = Literal["train", "retrain", "drift", "operator"]

_DECISIONS: Final = Table("model_decisions", ("model_version", "decided_at"))
_COLUMNS: Final = (
    "model_version, decided_at, decision, trigger, drift_timestamp, previous_version, run_id, reasons, metrics, checks, model_sha256"
)

# a firewall drops an idle connection after hours, which a fit may take
_KEEPALIVES: Final = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}


@dataclass(frozen=True)
class ModelDecision:
    """One verdict: by the gate after a training, or by an operator."""

    model_version: str
    decided_at: datetime
    decision: Outcome
    trigger: Trigger
    drift_timestamp: datetime | None = None
    previous_version: str | None = None
    run_id: str | None = None  # of the version: its number may stand in another registry too; None for old rollbacks
    reasons: list[str] = field(default_factory=list)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)  # the gate's: name, passed, says, numbers
    model_sha256: str | None = None  # of the version's file; once stored, it stays. None for old decisions


def upsert_decision(connection: psycopg.Connection, decision: ModelDecision) -> int:
    """Write one verdict; returns the rows inserted or changed."""
    return upsert_rows(connection, _DECISIONS, ModelDecision, [decision])


def list_decisions(connection: psycopg.Connection, model_version: str | None = None) -> list[ModelDecision]:
    """All verdicts, or those about one version, newest first."""
    query = f"SELECT {_COLUMNS} FROM model_decisions WHERE model_version = coalesce(%s, model_version) ORDER BY decided_at DESC, model_version DESC"
    with connection.cursor(row_factory=class_row(ModelDecision)) as cursor:
        return cursor.execute(query, [model_version]).fetchall()


def fill_sha256(connection: psycopg.Connection, model_version: str, run_id: str, sha256: str) -> None:
    """Write the digest of a version's file into its decisions without one."""
    query = "UPDATE model_decisions SET model_sha256 = %s WHERE model_version = %s AND run_id = %s AND model_sha256 IS NULL"
    connection.execute(query, [sha256, model_version, run_id])


def last_drift_training(connection: psycopg.Connection, since: datetime, until: datetime) -> ModelDecision | None:
    """The newest verdict on a training for a drift of (since, until]."""
    query = f"""
        SELECT {_COLUMNS} FROM model_decisions
        WHERE trigger = 'drift' AND drift_timestamp > %s AND drift_timestamp <= %s
        ORDER BY drift_timestamp DESC, decided_at DESC LIMIT 1
    """
    with connection.cursor(row_factory=class_row(ModelDecision)) as cursor:
        return cursor.execute(query, [since, until]).fetchone()


@dataclass(frozen=True)
class TrainingLock:
    """The training lock of this process. It ends with the session at the server."""

    session: psycopg.Connection

    def require_held(self) -> None:
        """Raise WarehouseError when the session and its lock have ended. Another training may have begun since."""
        lost = "the training lock was lost with its session: nothing was registered or promoted, so run it again"
        try:
            held = self.session.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
            ).fetchone()
        except psycopg.Error as error:
            raise WarehouseError(lost) from error
        if held is None:  # a proxy has switched to another session
            raise WarehouseError(lost)


@contextmanager
def training_lock(warehouse: Warehouse, wait: timedelta) -> Iterator[TrainingLock]:
    """One training at a time for all users of the warehouse. The lock of a killed holder is free at once.

    Raises WarehouseError when another holds it for longer than `wait`.
    """
    # a separate connection: the lock lives as long as the session, and must not block the pool
    with psycopg.connect(**{**_KEEPALIVES, **warehouse.parameters}, autocommit=True) as session:
        session.execute("SET statement_timeout = 0")
        # it is idle while the network is fitted; servers before PostgreSQL 14 end no idle session
        session.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        session.execute("SELECT set_config('lock_timeout', %s, false)", [f"{max(int(wait.total_seconds() * 1000), 1)}ms"])
        try:
            session.execute("SELECT pg_advisory_lock(hashtext('altaviz.training'))")
        except psycopg.errors.LockNotAvailable:
            raise WarehouseError(f"another training has been running for over {wait}: wait for it, or stop it") from None
        yield TrainingLock(session)
