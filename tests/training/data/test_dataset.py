"""Labels, censoring, lazy batches and statistics."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from training.data.dataset import Labels, WindowIndex, feature_statistics, known_outcomes, rul_labels
from training.network.batches import WindowDataset


def labels(time: list[float], failures: list[float], observed_until: float, max_rul: float = 30.0) -> Labels:
    return rul_labels(np.array(time), np.array(failures), observed_until, max_rul)


def index_of(n: int, rul: float = 1.0) -> WindowIndex:
    return WindowIndex.of_unit(0, 0, np.arange(n), Labels(np.full(n, rul, np.float32), np.zeros(n, bool)))


def test_a_label_counts_to_the_next_failure_and_is_zero_at_the_failure_itself() -> None:
    got = labels([0.0, 4.5, 5.0, 6.0, 9.0], failures=[5.0, 9.0], observed_until=12.0)
    assert got.rul.tolist() == [5.0, 0.5, 0.0, 3.0, 0.0]
    assert not got.censored.any()


def test_a_label_is_capped() -> None:
    assert labels([0.0, 80.0], failures=[100.0], observed_until=100.0).rul.tolist() == [30.0, 20.0]


def test_without_a_later_failure_the_label_is_the_life_seen_and_censored() -> None:
    got = labels([4.0, 6.0, 10.0], failures=[5.0], observed_until=10.0)
    assert got.rul.tolist() == [1.0, 4.0, 0.0]
    assert got.censored.tolist() == [False, True, True]


def test_a_life_tells_of_the_horizon_when_its_end_was_seen_or_it_outlasted_it() -> None:
    rul = np.array([2.0, 3.0, 4.0, 2.0, 3.0, 4.0], np.float32)
    known, failed = known_outcomes(rul, np.array([False, False, False, True, True, True]), 3.0)
    assert known.tolist() == [True, True, True, False, False, True]
    assert failed.tolist() == [True, True, False, False]


def test_a_batch_holds_the_windows_and_the_labels_of_its_rows() -> None:
    values = np.arange(5, dtype=np.float32)[:, None]
    index = WindowIndex.of_unit(7, 0, np.arange(5), labels([0, 1, 2, 3, 4], [], 4.0))
    batches = WindowDataset(values, index, steps=2, batch_size=2)
    assert batches.num_batches == 3
    windows, batch_labels = batches[1]
    assert windows[:, :, 0].tolist() == [[1, 2], [2, 3]]
    assert batch_labels.tolist() == [[2, 1], [1, 1]]
    assert batches[2][0].shape == (1, 2, 1)


def test_an_epoch_shows_every_window_once_in_an_order_that_follows_from_the_seed() -> None:
    values = np.arange(10, dtype=np.float32)[:, None]

    def epochs(seed: int) -> list[list[float]]:
        batches = WindowDataset(values, index_of(10), steps=1, batch_size=4, seed=seed)
        seen = []
        for _ in range(2):
            seen.append([float(row) for batch in range(batches.num_batches) for row in batches[batch][0].ravel()])
            batches.on_epoch_end()
        return seen

    first, second = epochs(1)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert epochs(1) == [first, second]
    assert epochs(2) != [first, second]


def test_memory_of_an_epoch_does_not_grow_with_the_number_of_windows(tmp_path: Path) -> None:
    steps, features, batch = 24, 24, 64

    def peak_bytes(rows: int) -> int:
        path = tmp_path / f"{rows}.npy"
        np.save(path, np.ones((rows, features), np.float32))
        batches = WindowDataset(np.load(path, mmap_mode="r"), index_of(rows), steps, batch, seed=1)
        tracemalloc.start()
        for number in range(batches.num_batches):
            batches[number]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    materialised = 20_000 * steps * features * 4
    assert peak_bytes(20_000) < 1.1 * peak_bytes(2_000)
    assert peak_bytes(20_000) < materialised / 20


def test_windows_are_taken_by_unit() -> None:
    index = WindowIndex.concatenate(
        WindowIndex.of_unit(unit, unit * 3, np.arange(unit * 3, unit * 3 + 3), labels([0, 1, 2], [2.0], 2.0)) for unit in range(3)
    )
    assert index.of_units([0, 2]).end.tolist() == [0, 1, 2, 6, 7, 8]
    assert len(index.take(index.rul > 1)) == 3


def test_statistics_leave_out_missing_values_and_rows_of_other_windows() -> None:
    values = np.array([[1, np.nan, 5], [3, np.nan, 5], [np.nan, np.nan, 5], [1000, 1, 1]], np.float32)
    statistics = feature_statistics(values, index_of(4).take(np.array([0, 1, 2])), chunk=2)
    assert statistics.mean.tolist() == [2, 0, 5]
    assert statistics.std.tolist() == [1, 1, 1]


def test_statistics_are_exact_for_a_large_offset() -> None:
    values = np.array([[1_000_000.0], [1_000_001.0], [1_000_002.0]], np.float32)
    assert np.isclose(feature_statistics(values, index_of(3)).std[0], np.sqrt(2 / 3))
