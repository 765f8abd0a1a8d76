"""Reads the C-MAPSS files and turns their sensors into model features.

Text, or gzip of it, with 26 columns separated by blanks: unit, cycle, 3 settings, 21 sensors. Files `train_*` run to failure, `test_*`
stop earlier. Files `RUL_*` hold the true remaining cycles of each test unit, in unit order.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from config.errors import InputError
from config.sections.model import CmapssSection
from features.arrays import Doubles, Float32s, Ints

SETTINGS: Final = tuple(f"setting_{number}" for number in range(1, 4))
SENSORS: Final = tuple(f"sensor_{number}" for number in range(1, 22))
COLUMNS: Final = ("unit", "cycle", *SETTINGS, *SENSORS)
_STARTS: Final = 5  # k-means from different centres: one start may stay in a poor optimum


@dataclass(frozen=True)
class Engines:
    """Rows of several engines, one engine after another: unit [rows], cycle [rows], settings [rows, 3], sensors [rows, 21]."""

    unit: npt.NDArray[np.int32]
    cycle: Doubles
    settings: Doubles
    sensors: Doubles

    @property
    def units(self) -> npt.NDArray[np.int32]:
        """The engines' numbers, in order."""
        return np.unique(self.unit)

    def bounds(self) -> tuple[Ints, Ints]:
        """First and last row of each engine, in the order of `units`."""
        first = np.flatnonzero(np.diff(self.unit, prepend=self.unit[0] - 1)).astype(np.int64)
        return first, np.append(first[1:], len(self.unit)) - 1


def load_engines(data: Path, subset: str, part: str) -> Engines:
    """Read `part` ("train" or "test") of `subset`. Raises InputError when the file is missing, damaged or not in the format above."""
    path = _find(data, f"{part}_{subset}.txt")
    table = _read(path)
    if table.shape[1] != len(COLUMNS):
        raise InputError(
            f"{path}: has {table.shape[1]} columns, {len(COLUMNS)} are wanted ({COLUMNS[0]}, {COLUMNS[1]}, ...); use NASA's original file"
        )
    unit, cycle = table[:, 0], table[:, 1]
    step = np.diff(unit)
    in_order = unit[0] == 1 and np.isin(step, (0.0, 1.0)).all()
    if not in_order or not np.array_equal(cycle[1:], np.where(step == 0, cycle[:-1] + 1, 1)) or cycle[0] != 1:
        raise InputError(f"{path}: units must count from 1 and each unit's cycles from 1 without gaps; use NASA's original file")
    return Engines(unit.astype(np.int32), cycle, table[:, 2 : 2 + len(SETTINGS)], table[:, 2 + len(SETTINGS) :])


def load_true_rul(data: Path, subset: str, test: Engines) -> Float32s:
    """Read the true remaining cycles of the test engines -> [units]. Raises InputError when the file is missing or does not fit."""
    path = _find(data, f"RUL_{subset}.txt")
    table = _read(path)
    if table.shape != (len(test.units), 1) or (table < 0).any():
        raise InputError(
            f"{path}: holds {table.shape[0]} rows of {table.shape[1]}, one non-negative number for each of {len(test.units)} test units is wanted"
        )
    return table[:, 0].astype(np.float32)


def _find(data: Path, name: str) -> Path:
    for candidate in (data / f"{name}.gz", data / name):
        if candidate.is_file():
            return candidate
    raise InputError(f"{data / name}[.gz]: no such file; point --data at the folder with NASA's C-MAPSS files")


def _read(path: Path) -> Doubles:
    try:
        with gzip.open(path, "rt", encoding="ascii") if path.suffix == ".gz" else path.open(encoding="ascii") as lines:
            rows = [line.split() for line in lines if line.strip()]
        table = np.array(rows, dtype=np.float64)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch the file again") from error
    except ValueError as error:
        raise InputError(f"{path}: is no table of numbers with equally long rows; use NASA's original file") from error
    if not table.size or not np.isfinite(table).all():
        raise InputError(f"{path}: is empty or holds values that are no finite numbers; use NASA's original file")
    return table


def find_regimes(settings: Doubles, section: CmapssSection, seed: int) -> Any:
    """The operating regimes of `settings` [rows, 3] as a fitted KMeans.

    Their number has the largest mean silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 1987) among those up to `most_regimes`. Below
    `least_silhouette` there is one regime: settings that only jitter have no clear clusters. `silhouette_rows` rows are measured. A number
    with a regime too rare to be among them is passed over.
    """
    one = KMeans(1, random_state=seed, n_init=1).fit(settings)
    distinct = len(np.unique(settings, axis=0))
    some = np.random.RandomState(seed).permutation(len(settings))[: section.silhouette_rows]
    best, best_silhouette = one, section.least_silhouette
    for number in range(2, min(section.most_regimes, distinct, len(settings) - 1) + 1):
        found = KMeans(number, random_state=seed, n_init=_STARTS).fit(settings)
        if len(np.unique(found.labels_[some])) < number:
            continue
        silhouette = silhouette_score(settings[some], found.labels_[some])
        if silhouette > best_silhouette:
            best, best_silhouette = found, silhouette
    return best


@dataclass(frozen=True)
class SensorContract:
    """The sensors that are features, and their scale. Fitted on training engines only.

    A sensor is its distance from its mean under the same operating conditions, in standard deviations. Two more features are the mean of
    that distance over the engine's life and the engine's age. They place an engine on its own curve of wear; a short window cannot.
    """

    kept: npt.NDArray[np.intp]  # [sensors] columns of the sensors that vary
    regime_of: Any  # KMeans over the settings
    mean: Doubles  # [regimes, sensors]
    std: Doubles  # [regimes, sensors]
    with_life: bool  # whether the average over the life and the age are features

    @classmethod
    def fit(cls, engines: Engines, section: CmapssSection, seed: int) -> SensorContract:
        """Find the operating regimes and, within them, which sensors vary and how much."""
        regime_of = find_regimes(engines.settings, section, seed)
        regime = regime_of.predict(engines.settings)
        regimes = regime_of.n_clusters
        mean = np.stack([engines.sensors[regime == number].mean(axis=0) for number in range(regimes)])
        std = np.stack([engines.sensors[regime == number].std(axis=0) for number in range(regimes)])
        kept = np.flatnonzero((std > section.constant_std * np.abs(mean)).all(axis=0))
        return cls(kept, regime_of, mean[:, kept], std[:, kept], section.life_features)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        sensors = tuple(SENSORS[column] for column in self.kept)
        return (*sensors, *(f"{sensor}_life_mean" for sensor in sensors), "cycle") if self.with_life else sensors

    def values(self, engines: Engines) -> Float32s:
        """Features of all rows -> [rows, features]. A row depends only on its engine's rows up to itself."""
        regime = self.regime_of.predict(engines.settings)
        scaled = (engines.sensors[:, self.kept] - self.mean[regime]) / self.std[regime]
        if not self.with_life:
            only_now: Float32s = scaled.astype(np.float32)
            return only_now
        life_mean = np.empty_like(scaled)
        for first, last in zip(*engines.bounds(), strict=True):
            rows = slice(first, last + 1)
            life_mean[rows] = np.cumsum(scaled[rows], axis=0) / engines.cycle[rows, None]
        return np.concatenate([scaled, life_mean, engines.cycle[:, None]], axis=1).astype(np.float32)
