"""The benchmark: what it reads, what it refuses, what it learns from, and one whole run on tiny engines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from config.errors import InputError
from config.model import CmapssSection, EnsembleSection, ModelConfig
from training.cmapss import point_errors, run_cmapss, truncated, window_index
from training.engines import COLUMNS, Engines, SensorContract, find_regimes, load_engines, load_true_rul

LIVES = (40, 50, 45, 60, 55, 48)


def engine_rows(unit: int, life: int, seen: int) -> list[str]:
    """Rows of one engine in NASA's format: sensors 2 and 3 wear, sensor 4 is noise, the others are constant."""
    random = np.random.default_rng(unit + life)
    rows = []
    for cycle in range(1, seen + 1):
        sensors = np.full(21, 100.0)
        wear = 10.0 * cycle / life
        sensors[1:4] += [wear + random.normal(0, 0.3), -wear + random.normal(0, 0.3), random.normal()]
        rows.append(" ".join(f"{number:.4f}" for number in (0.0, 0.0, 100.0, *sensors)))
    return [f"{unit} {cycle} {row}  " for cycle, row in enumerate(rows, start=1)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six training engines and three test engines, the last one shorter than a window; two files are gzip, one is plain text."""
    train = [row for unit, life in enumerate(LIVES, start=1) for row in engine_rows(unit, life, life)]
    test = [row for unit, seen in enumerate((30, 44, 3), start=1) for row in engine_rows(unit, 50, seen)]
    (tmp_path / "train_FD001.txt.gz").write_bytes(gzip.compress("\n".join(train).encode()))
    (tmp_path / "test_FD001.txt.gz").write_bytes(gzip.compress("\n".join(test).encode()))
    (tmp_path / "RUL_FD001.txt").write_text("20\n6\n47\n")
    return tmp_path


@pytest.fixture
def section(config: ModelConfig) -> CmapssSection:
    network = config.network.model_copy(update={"lstm_units": [4], "dense_units": 4})
    fit = config.fit.model_copy(update={"epochs": 2})
    small = {
        "window_cycles": 5,
        "max_rul_cycles": 40.0,
        "horizon_cycles": 10.0,
        "truncations_per_unit": 4,
        "ensemble": EnsembleSection(folds=2, networks=2),
    }
    return config.cmapss.model_copy(update={**small, "network": network, "fit": fit})


def test_engines_are_read_with_their_bounds(data: Path, section: CmapssSection) -> None:
    engines = load_engines(data, "FD001", "test")
    assert engines.units.tolist() == [1, 2, 3]
    first, last = engines.bounds()
    assert first.tolist() == [0, 30, 74]
    assert last.tolist() == [29, 73, 76]
    assert engines.sensors.shape == (77, 21)
    assert engines.settings[0].tolist() == [0.0, 0.0, 100.0]
    assert load_true_rul(data, "FD001", engines).tolist() == [20, 6, 47]


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
def test_a_wrong_file_is_refused_by_name_with_what_to_do(
    data: Path, config: ModelConfig, name: str, content: bytes | None, problem: str
) -> None:
    if content is None:
        (data / name).unlink()
    else:
        (data / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        run_cmapss(data, "FD001", config, seeds=1)


def test_a_file_cut_off_in_the_middle_is_refused(data: Path, config: ModelConfig) -> None:
    path = data / "test_FD001.txt.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"test_FD001.txt.gz: cannot be read"):
        run_cmapss(data, "FD001", config, seeds=1)


def test_an_unknown_subset_is_refused(data: Path, config: ModelConfig) -> None:
    with pytest.raises(InputError, match=r"train_FD009.txt\[.gz\]: no such file"):
        run_cmapss(data, "FD009", config, seeds=1)


@pytest.mark.parametrize("regimes", [1, 3, 6])
def test_operating_regimes_are_found_from_the_settings(section: CmapssSection, regimes: int) -> None:
    random = np.random.default_rng(regimes)
    conditions = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])[:regimes]
    settings = conditions[random.integers(0, regimes, 3000)] + random.normal(0, [0.002, 0.0003, 0], (3000, 3))
    assert find_regimes(settings, section, seed=1).n_clusters == regimes


def test_only_sensors_that_vary_in_training_become_features(data: Path, section: CmapssSection) -> None:
    contract = SensorContract.learn(load_engines(data, "FD001", "train"), section, seed=1)
    assert contract.features == (
        "sensor_2",
        "sensor_3",
        "sensor_4",
        "sensor_2_life_mean",
        "sensor_3_life_mean",
        "sensor_4_life_mean",
        "cycle",
    )


def test_a_sensor_is_told_apart_from_its_operating_condition(section: CmapssSection) -> None:
    cycles = 40
    condition = np.arange(cycles) % 2  # the sensor jumps by 500 with the condition and by 1 with the engine's state
    state = np.repeat([-1.0, 1.0], cycles // 2)
    sensors = np.full((cycles, len(COLUMNS) - 5), 7.0)
    sensors[:, 0] = 500.0 * condition + state
    settings = np.stack([condition * 20.0, condition * 0.5, np.full(cycles, 100.0)], axis=1)
    engines = Engines(np.ones(cycles, np.int32), np.arange(1.0, cycles + 1), settings, sensors)
    contract = SensorContract.learn(engines, section, seed=1)
    np.testing.assert_allclose(contract.values(engines)[:, 0], state, atol=1e-4)


def test_life_mean_and_age_look_back_only_and_never_into_another_engine(data: Path, section: CmapssSection) -> None:
    engines = load_engines(data, "FD001", "train")
    values = SensorContract.learn(engines, section, seed=1).values(engines)
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


def test_clipped_errors_forgive_what_lies_beyond_the_cap() -> None:
    errors = point_errors(np.array([140.0, 20.0], np.float32), np.array([125.0, 20.0], np.float32), cap=125.0)
    assert errors["rmse"] == pytest.approx(np.sqrt(15.0**2 / 2))
    assert errors["score"] == pytest.approx(np.exp(15 / 13) - 1)
    assert errors["rmse_clipped"] == errors["score_clipped"] == 0.0


def test_a_run_reports_every_seed_and_scores_engines_shorter_than_a_window(data: Path, config: ModelConfig, section: CmapssSection) -> None:
    ticks: list[tuple[int, int, int, int]] = []
    report = run_cmapss(
        data,
        "FD001",
        config.model_copy(update={"cmapss": section}),
        seeds=2,
        progress=lambda *tick: ticks.append((tick[0], tick[1], tick[2], tick[3])),
    )
    assert json.loads(json.dumps(report)) == report
    assert report["seeds"] == [section.first_seed, section.first_seed + 1]
    assert report["test_units"] == 3
    assert ticks == [(1, 2, 1, 4), (1, 2, 2, 4), (1, 2, 3, 4), (1, 2, 4, 4), (2, 2, 1, 4), (2, 2, 2, 4), (2, 2, 3, 4), (2, 2, 4, 4)]
    assert report["rmse_clipped"] == pytest.approx(np.mean([seed["rmse_clipped"] for seed in report["per_seed"]]))
    assert set(report["baselines"]) == {"gradient_boosting", "linear", "constant"}
    assert set(report["baselines"]["linear"]) == {"rmse", "score", "rmse_clipped", "score_clipped"}
    assert 0.0 <= report["coverage_90"] <= 1.0
    assert report["mean_width_90"] > 0.0
    assert max(seed["onnx_max_abs_difference"] for seed in report["per_seed"]) < 1e-4
    assert report["peak_rss_mb"] > 0
    assert len(report["epochs"]) == 2
