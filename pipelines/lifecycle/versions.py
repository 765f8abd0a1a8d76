"""Lists, shows and rolls back registered versions, and hands out model cards: `altaviz models`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from config.errors import HomeError, ModelError, NoChampionError
from config.settings import Settings
from features.contract import CHAMPION
from pipelines.lifecycle.model_session import open_session
from pipelines.model_card.card import CARD_FOLDER, CARD_TAG, MARKDOWN_FILE
from pipelines.runtime.mlflow_environment import quieten
from serving.registry.client import Registry
from serving.registry.model_version import FACTS_TAG, facts_from_tags
from serving.registry.transitions import champion_before, move_champion, newest_decision_of, own_decisions
from serving.warehouse.decisions import ModelDecision
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    from serving.registry.model_version import ModelFacts, ModelVersion

OPERATOR_PATIENCE: Final = timedelta(seconds=10)  # a running training fails the command; the operator does not wait for its end


def list_models(settings: Settings) -> dict[str, Any]:
    """Every version, newest first: version, aliases, created, test_rmse_days, trained_until, and the last decision, trigger and reasons.

    A fact that is not known is None. Raises ModelError.
    """
    registry = open_registry(settings)
    return {"champion": registry.version_of(CHAMPION), "models": [_summary(version) for version in registry.versions()]}


def show_model(settings: Settings, version: str) -> dict[str, Any]:
    """One version: what `list_models` returns, its facts, its run, and every decision about it. Raises ModelError, WarehouseError."""
    registry = open_registry(settings)
    found = find_version(registry, version)
    facts = _facts(found)
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        decisions = own_decisions(registry, connection, version)
    return {
        **_summary(found),
        "facts": None if facts is None else asdict(facts),
        "run_id": found.run_id,
        "card": found.tags.get(CARD_TAG),
        "decisions": [asdict(decision) for decision in decisions],
    }


def rollback(settings: Settings, version: str | None, reason: str | None) -> dict[str, Any]:
    """Make an earlier champion champion again: `version`, or the one before the present champion when None.

    Returns champion, previous_version, reasons. Raises NoChampionError, ModelError (no such version, never champion, a training runs),
    WarehouseError.
    """
    with open_session(settings, OPERATOR_PATIENCE) as session:
        registry = session.registry
        present = registry.version_of(CHAMPION)
        if present is None:
            raise NoChampionError("there is no champion to roll back from: run `altaviz train`")
        with session.warehouse.connection() as connection:
            decisions = own_decisions(registry, connection)
        target = _target(registry, decisions, present, version)
        decision = ModelDecision(
            model_version=target,
            decided_at=datetime.now(UTC),
            decision="rolled_back",
            trigger="operator",
            previous_version=present,
            run_id=find_version(registry, target).run_id,
            reasons=[reason or f"rolled back from version {present}"],
        )
        # A version that cannot be opened must not become champion. No connection is open here: `load` takes its own.
        registry.load(target)
        session.lock.require_held()
        with session.warehouse.connection() as connection:
            move_champion(registry, connection, decision)
    return {"champion": target, "previous_version": present, "reasons": decision.reasons}


def model_card(settings: Settings, version: str, out: Path | None) -> dict[str, Any]:
    """Where the card of a version is stored; with `out` it is copied there.

    Returns version, card (its URI), files, and out. Raises ModelError (no such version, no card, it cannot be read), HomeError (cannot be
    written).
    """
    registry = open_registry(settings)
    found = find_version(registry, version)
    with TemporaryDirectory() as folder:
        files = registry.run_folder(found.run_id, CARD_FOLDER, Path(folder))
        if MARKDOWN_FILE not in {file.name for file in files}:
            raise ModelError(f"version {version} has no model card: it was made elsewhere, or by an older release. Train again to get one")
        if out is not None:
            try:
                out.mkdir(parents=True, exist_ok=True)
                for file in files:
                    (out / file.name).write_bytes(file.read_bytes())
            except OSError as error:
                raise HomeError(f"the card cannot be written to {out} ({error.strerror}): choose another folder with --out") from error
    copied = {} if out is None else {"out": str(out)}
    return {"version": version, "card": found.tags[CARD_TAG], "files": sorted(file.name for file in files), **copied}


def _target(registry: Registry, decisions: list[ModelDecision], present: str, version: str | None) -> str:
    if version is None:
        return champion_before(decisions, present)
    find_version(registry, version)
    if version == present:
        raise ModelError(f"version {version} is champion already")
    if version not in {decision.model_version for decision in decisions if decision.decision == "promoted"}:
        raise ModelError(
            f"version {version} has never been champion, so no rollback to it is possible: the gate refused it, or never judged it. "
            f"To make it champion: `altaviz models promote {version}`"
        )
    return version


def _summary(version: ModelVersion) -> dict[str, Any]:
    decision, facts = newest_decision_of(version), _facts(version)
    return {
        "version": version.version,
        "aliases": list(version.aliases),
        "created": version.created,
        "decision": None if decision is None else decision.decision,
        "trigger": None if decision is None else decision.trigger,
        "reasons": [] if decision is None else decision.reasons,
        "test_rmse_days": None if facts is None else facts.test_rmse_days,
        "trained_until": None if facts is None else facts.trained_until,
    }


def _facts(version: ModelVersion) -> ModelFacts | None:
    """Facts in the tags of a version; None if Altaviz did not register it."""
    return facts_from_tags(version.tags, version.version) if FACTS_TAG in version.tags else None


def open_registry(settings: Settings) -> Registry:
    """The registry, to read from."""
    quieten()
    return Registry(settings.tracking_uri)


def find_version(registry: Registry, version: str) -> ModelVersion:
    found = {item.version: item for item in registry.versions()}
    if version not in found:
        raise ModelError(f"there is no version {version}; there are {', '.join(sorted(found, key=int)) or 'none'}")
    return found[version]
