"""A home with a registry and a warehouse, to register versions in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from config.settings import Settings
from features.contract import CHALLENGER, CHAMPION
from serving.registry.client import Registry
from serving.registry.transitions import DECISION_TAG, conclude, move_champion, settle, to_tag
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, Outcome, list_decisions
from tests.serving.gold import mean_model

PARTS = {"train": ["C-1"], "validation": ["C-0"], "test": ["C-4"]}
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Store:
    """A home with a registry and a warehouse, and one logged model to register from."""

    settings: Settings
    registry: Registry
    warehouse: Warehouse
    model_uri: str
    run_id: str

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        with self.warehouse.connection() as connection:
            yield connection

    def register(self, outcome: Outcome, hour: int, previous: str | None = None, trigger: str = "train") -> ModelDecision:
        """Step 1 alone: the version is there, with its verdict as a tag; nothing has followed from it."""
        drift = NOON + timedelta(hours=hour) if trigger == "drift" else None
        decided = ModelDecision(
            "", NOON + timedelta(hours=hour), outcome, trigger, drift, previous, self.run_id, [f"because of {hour}"], {"rmse_days": 1.5}
        )  # type: ignore[arg-type]
        facts = mean_model().facts
        return replace(decided, model_version=self.registry.register(self.model_uri, facts, {DECISION_TAG: to_tag(decided)}))

    def judge(self, outcome: Outcome, hour: int, previous: str | None = None, trigger: str = "train") -> ModelDecision:
        """All steps."""
        decision = self.register(outcome, hour, previous, trigger)
        with self.connection() as connection:
            conclude(self.registry, connection, decision)
        return decision

    def promote(self, version: str, hour: int, previous: str) -> ModelDecision:
        """An operator overrules the gate; every check goes into the record."""
        checks = [{"name": "champion", "passed": False, "says": "it is not better", "numbers": {"certainty": 0.4}}]
        decided = ModelDecision(
            version,
            NOON + timedelta(hours=hour),
            "promoted",
            "operator",
            None,
            previous,
            self.run_id,
            ["we know why"],
            {"certainty": 0.4},
            checks,
        )
        with self.connection() as connection:
            move_champion(self.registry, connection, decided)
        return decided

    def settle(self) -> None:
        with self.connection() as connection:
            settle(self.registry, connection)

    def kept(self, decision: ModelDecision) -> ModelDecision:
        """The decision as the warehouse keeps it: with the digest of its version's file."""
        return replace(decision, model_sha256=self.registry.sha256_of(decision.model_version))

    def aliases(self) -> tuple[str | None, str | None]:
        return self.registry.version_of(CHAMPION), self.registry.version_of(CHALLENGER)

    def recorded(self) -> list[tuple[str, str]]:
        with self.connection() as connection:
            return [(decision.model_version, decision.decision) for decision in list_decisions(connection)]
