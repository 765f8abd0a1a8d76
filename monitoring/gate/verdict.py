"""The verdict of the gate: its checks, their numbers and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

_TOLD: Final = ("baseline", "champion", "unseen_error", "unseen_recall")  # checks by which a promotion is explained


@dataclass(frozen=True)
class Check:
    """One question to a model: whether it passed, by which numbers, in words."""

    name: str
    passed: bool
    says: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Every check, and what the verdict cannot vouch for."""

    checks: Sequence[Check]
    caveats: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    @property
    def reasons(self) -> list[str]:
        """Every failed check in words; without any, what speaks for the model; then the caveats."""
        told = self.failed or [check for check in self.checks if check.name in _TOLD]
        return [*(check.says for check in told), *self.caveats]

    @property
    def metrics(self) -> dict[str, float]:
        """The single finite numbers of all checks by name, six digits of each."""
        every = {name: value for check in self.checks for name, value in check.numbers.items() if isinstance(value, int | float)}
        return {name: float(f"{value:.6g}") for name, value in every.items() if np.isfinite(value)}

    @property
    def record(self) -> list[dict[str, Any]]:
        """The checks as JSON: name, passed, says, numbers; null where a number is not finite, which JSON cannot say."""
        return [asdict(check) | {"numbers": _finite(check.numbers)} for check in self.checks]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
