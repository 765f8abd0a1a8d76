"""Compares a stored prediction with a recomputed one: every number and every text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from features.contract import DAYS_DIGITS, SHARE_DIGITS, USD_DIGITS
from serving.prediction.former_wording import present_wording
from serving.schemas import Prediction

# Numbers of a row, and the decimals of its column. Both sides are compared as the column stores them.
NUMBERS: Final = {
    "rul_days": DAYS_DIGITS,
    "rul_lower_days": DAYS_DIGITS,
    "rul_upper_days": DAYS_DIGITS,
    "failure_probability": SHARE_DIGITS,
    "confidence_score": SHARE_DIGITS,
    "horizon_days": DAYS_DIGITS,
    "expected_saving_usd": USD_DIGITS,
}
TEXTS: Final = ("status", "health", "reasons", "act_by")
WINDOW: Final = ("window_start", "window_end", "feature_set_version")  # of features_used: the input of the model
VALUES: Final = "features_used.values"  # the window's last step: float32, compared exactly

# Rules that decide a field and may have changed since. Model and window cannot.
_RULES: Final = {
    "scoring_digest": ("scoring.yaml", ("health", "reasons")),
    "costs_digest": ("costs.yaml", ("act_by", "expected_saving_usd")),
}


@dataclass(frozen=True)
class Reproduction:
    """One row beside its recomputation."""

    stored: Prediction
    numbers: dict[str, dict[str, float | None]]  # by field of NUMBERS: stored, recomputed, difference (None where one side has no number)
    texts: dict[str, dict[str, Any]]  # by field of TEXTS, and of WINDOW below features_used: stored, recomputed
    values: dict[str, dict[str, float | None]]  # as `numbers`, by feature
    differs: list[str]  # fields that are not equal, in this order
    because: list[str]  # changed rules that decide one of these fields

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differs


def compare(stored: Prediction, recomputed: Prediction) -> Reproduction:
    """Compare two predictions for the same compressor, moment and model version.

    Reasons in the words of an earlier version are compared in the present words.
    """
    numbers = {name: _beside(getattr(stored, name), getattr(recomputed, name), digits) for name, digits in NUMBERS.items()}
    texts = {name: {"stored": getattr(stored, name), "recomputed": getattr(recomputed, name)} for name in TEXTS}
    used, now = stored.features_used, recomputed.features_used
    texts |= {f"features_used.{name}": {"stored": used.get(name), "recomputed": now.get(name)} for name in WINDOW}
    values = {name: _beside(used["values"].get(name), value) for name, value in now["values"].items()}
    differs = [name for name, pair in (numbers | texts).items() if pair["stored"] != pair["recomputed"]]
    if [present_wording(reason) for reason in stored.reasons] == recomputed.reasons and "reasons" in differs:
        differs.remove("reasons")
    if used["values"] != now["values"]:
        differs.append(VALUES)
    return Reproduction(stored, numbers, texts, values, differs, _changed(used, now, differs))


def _beside(stored: float | None, recomputed: float | None, digits: int | None = None) -> dict[str, float | None]:
    if digits is not None:
        stored, recomputed = (None if number is None else round(number, digits) for number in (stored, recomputed))
    difference = None if stored is None or recomputed is None else recomputed - stored
    rounded = difference if difference is None or digits is None else round(difference, digits)
    return {"stored": stored, "recomputed": recomputed, "difference": rounded}


def _changed(used: Mapping[str, Any], now: Mapping[str, Any], differs: list[str]) -> list[str]:
    return [
        f"{file} has changed since the row was written"
        for digest, (file, decided) in _RULES.items()
        if digest in used and used[digest] != now[digest] and set(decided) & set(differs)
    ]
