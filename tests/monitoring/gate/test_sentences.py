"""The sentences of the gate: one for each finding, with the numbers and names that it is about."""

from __future__ import annotations

from dataclasses import replace

from config.sections.retraining import GateSection
from monitoring.gate.checks import judge
from monitoring.gate.evidence import (
    TrainingOverlap,
)
from monitoring.gate.findings import Finding
from monitoring.gate.sentences import TEMPLATES
from tests.monitoring.gate.evidence import (
    better,
)


def test_every_finding_has_a_sentence() -> None:
    assert set(TEMPLATES) == set(Finding)


def test_a_sentence_names_five_compressors_and_counts_the_others(gate: GateSection) -> None:
    shared = {f"C-{number}" for number in range(7)}
    verdict = judge(replace(better(), overlap=TrainingOverlap(sorted(shared), {"challenger": shared})), gate)
    assert verdict.reasons == [
        "evaluated on compressors that a model was trained on: C-0 (challenger), C-1 (challenger), C-2 (challenger), "
        "C-3 (challenger), C-4 (challenger) and 2 more"
    ]
