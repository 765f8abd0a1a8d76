"""Splits units, never windows: neighbouring windows of one unit are nearly the same and would leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.errors import ModelError
from features.arrays import Int32s


@dataclass(frozen=True)
class UnitSplit:
    """Disjoint units of each part, sorted."""

    train: Int32s
    validation: Int32s
    test: Int32s


def split_units(
    units: npt.NDArray[np.integer], has_failed: npt.NDArray[np.bool_], validation_fraction: float, test_fraction: float, seed: int
) -> UnitSplit:
    """Split `units` [n] at random, failed and never-failed ones apart, so that each requested part holds failures.

    Each stratum gives each part its share, rounded, and at least one failed unit. The same seed gives the same split.
    Raises ModelError when there are too few failed units for that.
    """
    wanted = 1 + (validation_fraction > 0) + (test_fraction > 0)
    failed_units = int(has_failed.sum())
    if failed_units < wanted:
        raise ModelError(f"{failed_units} of {len(units)} units have a recorded failure, {wanted} are needed; ingest more history")
    random = np.random.default_rng(seed)
    parts: tuple[list[Int32s], list[Int32s], list[Int32s]] = ([], [], [])
    for stratum, least in ((units[has_failed], 1), (units[~has_failed], 0)):
        shuffled = random.permutation(np.sort(stratum)).astype(np.int32)
        needed = least * (wanted - 1)  # by the other parts
        validation = min(_share(len(shuffled), validation_fraction, least), len(shuffled) - needed)
        test = min(_share(len(shuffled), test_fraction, least), len(shuffled) - validation - least)
        for part, chosen in zip(
            parts, (shuffled[validation + test :], shuffled[:validation], shuffled[validation : validation + test]), strict=True
        ):
            part.append(chosen)
    train, validation_units, test_units = (np.sort(np.concatenate(part)) for part in parts)
    return UnitSplit(train, validation_units, test_units)


def extend_split(
    known: UnitSplit, units: npt.NDArray[np.integer], has_failed: npt.NDArray[np.bool_], fractions: tuple[float, float], seed: int
) -> UnitSplit:
    """Keep the parts of an earlier split and deal new units of `units` [n] by (validation, test) shares.

    A training unit stays one: a model must not be evaluated on a compressor it was trained on. Known units that are not in `units` are
    left out. The same seed gives the same split. Raises ModelError when a part has no failed unit.
    """
    parts = [[np.intersect1d(part, units)] for part in (known.train, known.validation, known.test)]
    new = ~np.isin(units, np.concatenate([known.train, known.validation, known.test]))
    random = np.random.default_rng(seed)
    for stratum in (units[new & has_failed], units[new & ~has_failed]):
        shuffled = random.permutation(np.sort(stratum)).astype(np.int32)
        validation, test = (round(len(shuffled) * fraction) for fraction in fractions)
        for part, chosen in zip(
            parts, (shuffled[validation + test :], shuffled[:validation], shuffled[validation : validation + test]), strict=True
        ):
            part.append(chosen)
    split = UnitSplit(*(np.sort(np.concatenate(part)).astype(np.int32) for part in parts))
    failed = units[has_failed]
    for name in ("train", "validation", "test"):
        if not np.isin(getattr(split, name), failed).any():
            raise ModelError(
                f"no compressor of the {name} part of the champion's split has a recorded failure in this history; ingest more"
            )
    return split


def _share(n: int, fraction: float, least: int) -> int:
    return max(round(n * fraction), least) if fraction > 0 else 0
