"""From a verdict to the registry and its record, in steps that survive a kill.

    1. the version is registered with its whole decision as a tag     one call: from here on the verdict stands
    2. the alias moves, if the champion is still the one judged by,
       and the version is marked as applied                          `settle` finishes what a kill left undone
    3. the decision is written into `model_decisions`

An operator's move is tagged on its target in the same way, before the alias moves. The tag then stays as the operator's last decision. So
the stored state is all that `settle` needs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from config.errors import ModelError
from features.contract import CHALLENGER, CHAMPION
from serving.warehouse.decisions import ModelDecision, list_decisions, upsert_decision

if TYPE_CHECKING:
    import psycopg

    from serving.registry.client import Registry
    from serving.registry.model_version import ModelVersion

DECISION_TAG: Final = "altaviz.decision"
FINGERPRINT_TAG: Final = "altaviz.fingerprint"  # what a version was trained from and judged against
_APPLIED_TAG: Final = "altaviz.applied"
_MOVE_TAG: Final = "altaviz.move"  # a decided move that may be unfinished
OPERATOR_TAG: Final = "altaviz.operator"  # the last decision about a version that an operator asked for


def conclude(registry: Registry, connection: psycopg.Connection, decision: ModelDecision) -> ModelDecision:
    """Steps 2 and 3 for a version whose tags hold `decision`. Returns the decision, or its refusal when the champion has changed."""
    decision = _in_force(registry, decision)
    _apply(registry, decision)
    registry.set_tags(decision.model_version, {_APPLIED_TAG: "yes"})
    _record(registry, connection, decision)
    return decision


def move_champion(registry: Registry, connection: psycopg.Connection, decision: ModelDecision) -> None:
    """Make the decision's version champion, as an operator asked."""
    registry.set_tags(decision.model_version, {_MOVE_TAG: to_tag(decision)})
    _finish_move(registry, connection, decision)


def record_refusal(registry: Registry, connection: psycopg.Connection, decision: ModelDecision) -> None:
    """Record that the gate refused an operator's promotion. No alias moves."""
    registry.set_tags(decision.model_version, {OPERATOR_TAG: to_tag(decision), **readable_tags(decision)})
    _record(registry, connection, decision)


def settle(registry: Registry, connection: psycopg.Connection) -> None:
    """Finish what a killed command left undone. Otherwise do nothing."""
    versions = registry.versions()
    newest = next((version for version in versions if DECISION_TAG in version.tags), None)  # those from elsewhere have none
    for version in reversed(versions):
        decision = decision_of(version)
        if decision is None:
            continue
        if _APPLIED_TAG in version.tags:
            _record(registry, connection, decision)
        elif version is newest:
            conclude(registry, connection, decision)
    for version in versions:
        if OPERATOR_TAG in version.tags:
            _record(registry, connection, _from_tag(version.version, version.tags[OPERATOR_TAG]))
        if _MOVE_TAG in version.tags:
            _finish_move(registry, connection, _from_tag(version.version, version.tags[_MOVE_TAG]))


def own_decisions(registry: Registry, connection: psycopg.Connection, version: str | None = None) -> list[ModelDecision]:
    """All verdicts on versions of `registry`, or on one, newest first. The warehouse may hold those of other registries.

    Old rollbacks have no run. They are included, whichever registry they belong to.
    """
    runs = {item.version: item.run_id for item in registry.versions()}
    return [
        decision
        for decision in list_decisions(connection, version)
        if decision.run_id == runs.get(decision.model_version, "") or (decision.run_id is None and decision.decision == "rolled_back")
    ]


def to_tag(decision: ModelDecision) -> str:
    """The decision as the text of a tag. The version is that of the tag."""
    fields = asdict(decision)
    del fields["model_version"], fields["model_sha256"]  # both are the version's own
    return json.dumps(fields, default=datetime.isoformat)


def readable_tags(decision: ModelDecision) -> dict[str, str]:
    """The decision for readers of MLflow's page of a version or a run."""
    return {"gate": decision.decision, "gate_reasons": "; ".join(decision.reasons)}


def newest_decision_of(version: ModelVersion) -> ModelDecision | None:
    """The last decision about a version, by the gate or an operator. None without one."""
    decisions = (_from_tag(version.version, version.tags[name]) for name in (DECISION_TAG, OPERATOR_TAG) if name in version.tags)
    return max(decisions, key=lambda decision: decision.decided_at, default=None)


def decision_of(version: ModelVersion) -> ModelDecision | None:
    """The gate's verdict on a version, None without one."""
    text = version.tags.get(DECISION_TAG)
    return None if text is None else _from_tag(version.version, text)


def _from_tag(version: str, text: str) -> ModelDecision:
    fields: dict[str, Any] = json.loads(text)
    for name in ("decided_at", "drift_timestamp"):
        fields[name] = None if fields[name] is None else datetime.fromisoformat(fields[name])
    return ModelDecision(version, **fields)


def _record(registry: Registry, connection: psycopg.Connection, decision: ModelDecision) -> None:
    """Write the decision with the SHA-256 of the version's file. An existing digest stays (0013_digests.sql)."""
    upsert_decision(connection, replace(decision, model_sha256=registry.sha256_of(decision.model_version)))


def _in_force(registry: Registry, decision: ModelDecision) -> ModelDecision:
    """The decision, or its refusal if the champion is no longer the one it was compared with."""
    present = registry.version_of(CHAMPION)
    if decision.decision != "promoted" or present in (decision.previous_version, decision.model_version):
        return decision
    judged, now = (f"version {version}" if version else "none" for version in (decision.previous_version, present))
    why = f"outdated: it was judged while the champion was {judged}, and now it is {now}; `altaviz models promote {decision.model_version}` judges it again"
    outdated = replace(decision, decision="refused", reasons=[why, *decision.reasons])
    registry.set_tags(decision.model_version, {DECISION_TAG: to_tag(outdated), **readable_tags(outdated)})
    return outdated


def _apply(registry: Registry, decision: ModelDecision) -> None:
    if decision.decision == "promoted":
        registry.set_alias(CHAMPION, decision.model_version)
        registry.drop_alias(CHALLENGER)
    else:
        registry.set_alias(CHALLENGER, decision.model_version)


def _finish_move(registry: Registry, connection: psycopg.Connection, decision: ModelDecision) -> None:
    registry.set_alias(CHAMPION, decision.model_version)
    if registry.version_of(CHALLENGER) == decision.model_version:
        registry.drop_alias(CHALLENGER)
    registry.set_tags(decision.model_version, {OPERATOR_TAG: to_tag(decision), **readable_tags(decision)})
    _record(registry, connection, decision)
    connection.commit()  # the tag goes only after the record is safe
    registry.drop_tag(decision.model_version, _MOVE_TAG)


def champion_before(decisions: list[ModelDecision], present: str) -> str:
    """The champion before `present`: a promotion adds one on top, a rollback removes those above its target.

    Raises ModelError when none is on record.
    """
    stack: list[str] = []  # no two neighbours are equal: a rollback always changes the champion
    for decision in sorted(decisions, key=lambda item: item.decided_at):
        version, known = decision.model_version, decision.run_id is not None
        if decision.decision == "rolled_back" and version in stack:
            while stack[-1] != version:
                stack.pop()
        elif (decision.decision == "promoted" or (decision.decision == "rolled_back" and known)) and stack[-1:] != [version]:
            stack.append(version)
    while stack and stack[-1] != present:  # an alias that was moved by other means
        stack.pop()
    if len(stack) < 2:
        raise ModelError(f"no champion before version {present} is on record: name one of `altaviz models list`")
    return stack[-2]
