"""Compares a loaded model version with the decisions in the warehouse. Swapping the file and the registry's tag does not change those.

The registry names the champion, the warehouse the bytes that were decided on. A warehouse may lack the decisions: it was lost, or belongs
to another home. Then the log has a warning, and nothing is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import ModelMismatchError
from config.logs import get_log
from features.contract import REGISTERED_MODEL
from serving.warehouse.decisions import fill_sha256, list_decisions

if TYPE_CHECKING:
    import psycopg

    from serving.registry.model_version import RegisteredModel
    from serving.warehouse.connection import Warehouse
    from serving.warehouse.decisions import ModelDecision


class ModelRecord:
    """The decisions in one warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def compare(self, model: RegisteredModel) -> None:
        """Raise ModelMismatchError when the bytes of `model` are not those decided on. Raises WarehouseError."""
        with self._warehouse.connection() as connection:
            compare_with_decisions(connection, model)

    def compare_champion(self, model: RegisteredModel) -> None:
        """`compare`, and a warning when no decision made `model` champion."""
        with self._warehouse.connection() as connection:
            compare_champion(connection, model)


def compare_champion(connection: psycopg.Connection, model: RegisteredModel) -> None:
    """Run `compare_with_decisions`, and warn when no decision made `model` champion: the alias was moved by other means."""
    compare_with_decisions(connection, model)
    if not made_champion(connection, model):
        get_log().warning("champion without a decision", version=model.version, run_id=model.run_id, sha256=model.sha256)


def compare_with_decisions(connection: psycopg.Connection, model: RegisteredModel) -> None:
    """Raise ModelMismatchError when a decision about `model` names other bytes.

    Decisions without a digest get that of `model`, once, and the log records it.
    """
    own = _decisions_about(connection, model)
    recorded = {decision.model_sha256 for decision in own if decision.model_sha256 is not None}
    if recorded - {model.sha256}:
        raise ModelMismatchError(
            f"version {model.version} of {REGISTERED_MODEL} is not the model that was decided on: its SHA-256 is {model.sha256}, "
            f"`model_decisions` names {', '.join(sorted(recorded - {model.sha256}))}. Bring its file back with `altaviz restore` from a "
            "backup, or make another version champion with `altaviz models rollback VERSION`"
        )
    if any(decision.model_sha256 is None for decision in own):
        if not recorded:
            get_log().warning("model bytes recorded", version=model.version, sha256=model.sha256, reason="decided on before they were kept")
        fill_sha256(connection, model.version, model.run_id, model.sha256)


def made_champion(connection: psycopg.Connection, model: RegisteredModel) -> bool:
    """Whether a decision in this warehouse made `model` champion."""
    return any(decision.decision in ("promoted", "rolled_back") for decision in _decisions_about(connection, model))


def _decisions_about(connection: psycopg.Connection, model: RegisteredModel) -> list[ModelDecision]:
    """The decisions about the version of this very run. In another registry, the number names another model."""
    return [decision for decision in list_decisions(connection, model.version) if decision.run_id == model.run_id]
