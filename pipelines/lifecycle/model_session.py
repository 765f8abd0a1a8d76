"""Opens what every training and promotion works with, under the training lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from config.settings import Settings
from pipelines.runtime.mlflow_environment import quieten
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.registry.transitions import settle
from serving.warehouse.decisions import training_lock
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    from serving.warehouse.connection import Warehouse
    from serving.warehouse.decisions import TrainingLock


@dataclass(frozen=True)
class ModelSession:
    """Settings, registry and warehouse of a command that changes models. It holds the training lock."""

    settings: Settings
    registry: Registry
    warehouse: Warehouse
    lock: TrainingLock


@contextmanager
def open_session(settings: Settings, patience: timedelta | None = None) -> Iterator[ModelSession]:
    """Migrate the warehouse, take the training lock, and complete what a killed command left.

    patience: how long to wait for the lock (None: `lock_wait_s` of retraining.yaml). Raises ModelError, WarehouseError.
    """
    quieten()
    wait = timedelta(seconds=settings.retraining.trigger.lock_wait_s) if patience is None else patience
    with migrated_warehouse(settings.database, settings.home) as warehouse, training_lock(warehouse, wait) as lock:
        registry = Registry(settings.tracking_uri, ModelRecord(warehouse))
        with warehouse.connection() as connection:
            settle(registry, connection)
        yield ModelSession(settings, registry, warehouse, lock)
