"""The verdict of the gate: its checks, their numbers and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from monitoring.gate.findings import Finding
from monitoring.gate.sentences import sentence

_EXPLAINING: Final = ("baseline", "champion", "unseen_error", "unseen_recall")  # checks that explain a promotion


@dataclass(frozen=True)
class Check:
    """One check of a model. `numbers` are recorded; `facts` fill in its sentence."""

    name: str
    passed: bool
    finding: Finding
    facts: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return sentence(self.finding, self.facts)


@dataclass(frozen=True)
class Caveat:
    """What the verdict could not check."""

    finding: Finding
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return sentence(self.finding, self.facts)


@dataclass(frozen=True)
class Verdict:
    """All checks, and what could not be checked."""

    checks: Sequence[Check]
    caveats: Sequence[Caveat]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    @property
    def reasons(self) -> list[str]:
        """Sentences: the failed checks or, if all passed, what speaks for the model; then the caveats."""
        explaining = self.failed or [check for check in self.checks if check.name in _EXPLAINING]
        return [*(check.sentence for check in explaining), *(caveat.sentence for caveat in self.caveats)]

    @property
    def metrics(self) -> dict[str, float]:
        """The finite numbers of all checks by name, rounded to six digits."""
        every = {name: value for check in self.checks for name, value in check.numbers.items() if isinstance(value, int | float)}
        return {name: float(f"{value:.6g}") for name, value in every.items() if np.isfinite(value)}

    @property
    def record(self) -> list[dict[str, Any]]:
        """The checks as JSON: name, passed, says (the sentence), numbers. A number that is not finite is null."""
        return [
            {"name": check.name, "passed": check.passed, "says": check.sentence, "numbers": _finite(check.numbers)} for check in self.checks
        ]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
