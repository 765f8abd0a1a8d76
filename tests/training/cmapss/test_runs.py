"""The benchmark: what it reads, what it refuses, what it learns from, and one whole run on tiny engines."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.errors import InputError
from config.sections.model import CmapssSection, ModelConfig
from features.arrays import Float32s
from monitoring.evaluation.cmapss import seed_numbers
from tests.turbofans import LIVES, small_section, write_subset
from training.calibration.calibrate import neutral
from training.cmapss.data import COLUMNS, SENSORS, Engines, SensorContract, find_regimes, load_engines, load_true_rul
from training.cmapss.runs import Subset, score_seed, truncated, window_index
from training.network.ensemble import EnsembleFit, EnsembleSettings, Fold
from training.quiet_tensorflow import keras, ops


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_subset(tmp_path)


@pytest.fixture
def section(config: ModelConfig) -> CmapssSection:
    return small_section(config)


def test_engines_are_read_with_their_bounds(data: Path, section: CmapssSection) -> None:
    engines = load_engines(data, "FD001", "test")
    assert engines.units.tolist() == [1, 2, 3]
    first, last = engines.bounds()
    assert first.tolist() == [0, 30, 74]
    assert last.tolist() == [29, 73, 76]
    assert engines.sensors.shape == (77, 21)
    assert engines.settings[0].tolist() == [0.0, 0.0, 100.0]
    assert load_true_rul(data, "FD001", engines).tolist() == Subset.load(data, "FD001").true_rul.tolist() == [20, 6, 47]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("train_FD001.txt.gz", None, r"train_FD001.txt\[.gz\]: no such file; point --data at the folder"),
        ("train_FD001.txt.gz", b"not gzip", "train_FD001.txt.gz: cannot be read"),
        ("train_FD001.txt.gz", gzip.compress(b"1 1 0.5\n", mtime=0), "train_FD001.txt.gz: has 3 columns, 26 are wanted"),
        ("train_FD001.txt.gz", gzip.compress(b"1 1\n1 2 3\n", mtime=0), "train_FD001.txt.gz: is no table of numbers"),
        ("train_FD001.txt.gz", gzip.compress(b"1 x\n", mtime=0), "train_FD001.txt.gz: is no table of numbers"),
        ("train_FD001.txt.gz", gzip.compress(b"", mtime=0), "train_FD001.txt.gz: is empty"),
        ("train_FD001.txt.gz", gzip.compress(b"1 2" + b" 0" * 24, mtime=0), "train_FD001.txt.gz: units must count from 1"),
        ("RUL_FD001.txt", b"20\n6\n", "RUL_FD001.txt: holds 2 rows of 1, one non-negative number for each of 3 test units"),
        ("RUL_FD001.txt", b"20\n6\n-1\n", "RUL_FD001.txt: holds 3 rows of 1, one non-negative number"),
    ],
)
def test_a_wrong_file_is_refused_by_name_with_what_to_do(data: Path, name: str, content: bytes | None, problem: str) -> None:
    if content is None:
        (data / name).unlink()
    else:
        (data / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        Subset.load(data, "FD001")


def test_a_file_cut_off_in_the_middle_is_refused(data: Path) -> None:
    path = data / "test_FD001.txt.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"test_FD001.txt.gz: cannot be read"):
        Subset.load(data, "FD001")


def test_an_unknown_subset_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match=r"train_FD009.txt\[.gz\]: no such file"):
        Subset.load(data, "FD009")


@pytest.mark.parametrize("regimes", [1, 3, 6])
def test_operating_regimes_are_found_from_the_settings(section: CmapssSection, regimes: int) -> None:
    random = np.random.default_rng(regimes)
    conditions = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])[:regimes]
    settings = conditions[random.integers(0, regimes, 3000)] + random.normal(0, [0.002, 0.0003, 0], (3000, 3))
    assert find_regimes(settings, section, seed=1).n_clusters == regimes


def test_a_setting_too_rare_to_be_among_the_rows_that_are_looked_at_is_no_regime(section: CmapssSection) -> None:
    settings = np.zeros((3000, 3))
    settings[:, 0] = np.random.default_rng(1).normal(0, 0.002, 3000)
    never_drawn = np.random.RandomState(1).permutation(3000)[section.silhouette_rows]
    settings[never_drawn, 0] = 42.0
    assert find_regimes(settings, section.model_copy(update={"most_regimes": 2}), seed=1).n_clusters == 1


def test_only_sensors_that_vary_in_training_become_features(data: Path, section: CmapssSection) -> None:
    contract = SensorContract.fit(load_engines(data, "FD001", "train"), section, seed=1)
    assert contract.features == (
        "sensor_2",
        "sensor_3",
        "sensor_4",
        "sensor_2_life_mean",
        "sensor_3_life_mean",
        "sensor_4_life_mean",
        "cycle",
    )


def test_a_sensor_is_separated_from_its_operating_condition(section: CmapssSection) -> None:
    cycles = 40
    condition = np.arange(cycles) % 2  # the sensor jumps by 500 with the condition and by 1 with the engine's state
    state = np.repeat([-1.0, 1.0], cycles // 2)
    sensors = np.full((cycles, len(COLUMNS) - 5), 7.0)
    sensors[:, 0] = 500.0 * condition + state
    settings = np.stack([condition * 20.0, condition * 0.5, np.full(cycles, 100.0)], axis=1)
    engines = Engines(np.ones(cycles, np.int32), np.arange(1.0, cycles + 1), settings, sensors)
    contract = SensorContract.fit(engines, section, seed=1)
    np.testing.assert_allclose(contract.values(engines)[:, 0], state, atol=1e-4)


def test_life_mean_and_age_look_back_only_and_never_into_another_engine(data: Path, section: CmapssSection) -> None:
    engines = load_engines(data, "FD001", "train")
    values = SensorContract.fit(engines, section, seed=1).values(engines)
    sensors, life_means = values[:, :3], values[:, 3:6]
    start = int(engines.bounds()[0][1])
    np.testing.assert_allclose(life_means[start], sensors[start], atol=1e-6)
    np.testing.assert_allclose(life_means[start + 3], sensors[start : start + 4].mean(axis=0), atol=1e-6)
    assert values[start : start + 3, 6].tolist() == [1, 2, 3]


def test_labels_count_down_to_the_last_cycle_and_are_capped(data: Path, section: CmapssSection) -> None:
    index = window_index(load_engines(data, "FD001", "train"), section)
    second = index.of_units([2])
    assert second.rul[[0, 9, 10, 11, -2, -1]].tolist() == [40, 40, 39, 38, 1, 0]
    assert set(second.first_row.tolist()) == {LIVES[0]}
    assert not index.censored.any()


def test_validation_engines_are_cut_off_at_distinct_cycles_with_a_full_window(data: Path, section: CmapssSection) -> None:
    engines = load_engines(data, "FD001", "train")
    cut, again = truncated(engines, section, seed=1), truncated(engines, section, seed=1)
    assert len(np.unique(cut.end)) == len(cut) == 4 * len(LIVES)
    assert (cut.end - cut.first_row >= section.window_cycles - 1).all()
    assert cut.end.tolist() == again.end.tolist() != truncated(engines, section, seed=2).end.tolist()


def test_a_training_scores_every_test_engine_even_one_shorter_than_a_window(
    data: Path, config: ModelConfig, section: CmapssSection
) -> None:
    ticks: list[tuple[int, int]] = []
    scores = score_seed(
        Subset.load(data, "FD001"),
        config.model_copy(update={"cmapss": section}),
        seed=3,
        on_epoch=lambda epoch, epochs, log: ticks.append((epoch, epochs)),
    )
    assert ticks == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (scores.seed, len(scores.predictions), scores.regimes) == (3, 3, 1)
    assert {name: len(predicted) for name, predicted in scores.baselines.items()} == {"gradient_boosting": 3, "linear": 3, "constant": 3}
    assert scores.onnx_max_abs_difference < 1e-4
    assert scores.validation_rmse > 0


def engines_showing(*shown: Sequence[float]) -> Engines:
    """Engines under one condition whose only sensor that varies shows these numbers, cycle by cycle."""
    lives = [len(own) for own in shown]
    sensors = np.full((sum(lives), len(SENSORS)), 7.0)
    sensors[:, 0] = np.concatenate(shown)
    cycles = np.concatenate([np.arange(1.0, life + 1) for life in lives])
    return Engines(np.repeat(np.arange(1, len(lives) + 1, dtype=np.int32), lives), cycles, np.zeros((len(cycles), 3)), sensors)


def known_model(steps: int, features: int) -> keras.Model:
    """Ten cycles for each standard deviation that the first sensor shows in the last cycle, -5 and +3; a quarter to fail."""
    inputs = keras.Input((steps, features), name="windows", dtype="float32")
    rul = 10.0 * inputs[:, -1, 0]
    heads = {"rul": rul, "rul_lower": rul - 5.0, "rul_upper": rul + 3.0, "failure_probability": 0.0 * rul + 0.25}
    return keras.Model(inputs, {name: keras.layers.Identity(name=name)(ops.clip(head, 0.0, 40.0)) for name, head in heads.items()})


def test_held_out_engines_are_not_fitted_on_and_test_engines_are_scored_at_their_last_cycle(
    config: ModelConfig, section: CmapssSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = engines_showing(*([99.0, 101.0] * (life // 2) for life in (40, 50, 44, 60)))  # mean 100, standard deviation 1
    test = engines_showing([100.0, 101.0, 103.0], [100.0] * 30 + [102.3], [104.0, 103.0, 103.6])
    handed: list[tuple[Float32s, Sequence[Fold]]] = []

    def known(values: Float32s, folds: Sequence[Fold], settings: EnsembleSettings, *_: Any) -> tuple[keras.Model, EnsembleFit]:
        handed.append((values, folds))
        return known_model(settings.steps, values.shape[1]), EnsembleFit([], 11.0, 0.9, neutral(3, 40.0))

    monkeypatch.setattr("training.cmapss.runs.fit_ensemble", known)
    monkeypatch.setattr("training.cmapss.runs.fit_baseline", lambda *_, **__: SimpleNamespace(predict=lambda windows: windows[:, -1, 0]))
    small = config.model_copy(update={"cmapss": section})
    scores = score_seed(Subset("FD001", train, test, np.array([30, 20, 50], np.float32)), small, seed=3)

    ((values, folds),) = handed
    assert values[:2].tolist() == [[-1.0, -1.0, 1.0], [1.0, 0.0, 2.0]]
    parts = [(set(fold.fitted.unit.tolist()), set(fold.held_out.unit.tolist())) for fold in folds]
    assert [sorted(fitted | held_out) for fitted, held_out in parts] == [[1, 2, 3, 4]] * 2
    assert [len(held_out) for _, held_out in parts] == [2, 2]
    assert parts[0] == parts[1][::-1]  # each engine is held out from one network
    assert [(len(fold.fitted) > 8, len(fold.held_out)) for fold in folds] == [(True, 8)] * 2  # cut off at four cycles each

    assert scores.predictions.rul.tolist() == pytest.approx([30.0, 23.0, 36.0], abs=1e-4)
    assert scores.baselines["linear"].tolist() == pytest.approx([3.0, 2.3, 3.6], abs=1e-5)
    numbers = seed_numbers(np.array([30, 20, 50], np.float32), scores, section)
    assert numbers == {
        "rmse": pytest.approx(np.sqrt((0 + 9 + 196) / 3), rel=1e-5),
        "score": pytest.approx(np.expm1(3 / 10) + np.expm1(14 / 13), rel=1e-5),
        "rmse_clipped": pytest.approx(5 / np.sqrt(3), rel=1e-5),
        "score_clipped": pytest.approx(np.expm1(3 / 10) + np.expm1(4 / 13), rel=1e-5),
        "coverage_90": pytest.approx(2 / 3),  # 40, the last clipped life, lies beyond 39
        "mean_width_90": pytest.approx(8.0, abs=1e-4),
        "brier": 0.0625,
        "validation_rmse": 11.0,
        "ensemble_error_ratio": 0.9,
        "onnx_max_abs_difference": pytest.approx(0.0, abs=1e-4),
    }
