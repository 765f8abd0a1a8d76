"""What is kept with a model: its bins, its sample of whole compressors, and its bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from config.errors import ModelError
from config.sections.monitoring import ReferenceSection
from config.settings import Settings
from monitoring.drift.movements import Windows
from monitoring.drift.reference import Reference, make_reference
from monitoring.drift.snapshots import COMPARED, FleetSnapshots
from tests.monitoring.drift.snapshots import fleet

WINDOWS = Windows(current=2, baseline=4, least_current=1, least_baseline=2)
WARNING_DAYS = 14.0


@pytest.fixture(scope="module")
def config(settings: Settings) -> ReferenceSection:
    return settings.monitoring.reference


def still(rul: list[list[float]]) -> FleetSnapshots:
    """Features that never move, with these predicted lives."""
    lives = np.array(rul, np.float32)
    return FleetSnapshots(np.ones((*lives.shape, len(COMPARED)), np.float32), lives, 4)


def test_the_bins_of_the_predictions_are_deciles_with_two_that_overflow(config: ReferenceSection) -> None:
    reference = make_reference(still([list(range(101))]), config)
    assert reference.prediction_edges.tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    shares = reference.prediction_shares(np.array([[5, 5, 15, 1000], [np.nan] * 4], np.float32))
    assert shares.tolist() == [[0, 0.5, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0.25]]


def test_predictions_that_are_often_the_same_have_fewer_bins(config: ReferenceSection) -> None:
    assert make_reference(still([[30.0] * 90 + [5.0] * 10]), config).prediction_edges.tolist() == [5, 27.5, 30]


def test_of_a_large_fleet_a_sample_of_whole_compressors_is_kept_and_always_the_same_one(config: ReferenceSection) -> None:
    few = config.model_copy(update={"most_compressors": 10})
    snapshots = fleet(np.random.default_rng(1), 40, 1)
    kept, again = make_reference(snapshots, few), make_reference(snapshots, few)
    assert kept.snapshots.rul.tolist() == again.snapshots.rul.tolist()
    assert {row.tobytes() for row in kept.snapshots.rul} < {row.tobytes() for row in snapshots.rul}
    assert kept.snapshots.values.shape[0] == 10


def test_of_a_long_history_the_newest_days_are_kept(config: ReferenceSection) -> None:
    reference = make_reference(still([[5.0] * 6 + [20.0] * 12]), config.model_copy(update={"most_days": 2}))
    assert (reference.snapshots.rul.tolist(), reference.prediction_edges.tolist()) == ([[20.0] * 12], [20.0])


def test_a_history_without_a_prediction_is_no_reference(config: ReferenceSection) -> None:
    with pytest.raises(ModelError, match="gives no prediction to compare later ones with: ingest more history"):
        make_reference(still([[np.nan] * 10]), config)


def test_weeks_end_where_the_history_does_and_each_has_its_own_days_before(config: ReferenceSection) -> None:
    snapshots = still([[20.0] * 11] * 2)
    snapshots.values[0, -2:, 0] = 9
    weeks = make_reference(snapshots, config).weeks(WINDOWS, WARNING_DAYS, least=2)
    assert [week.units[:, 0].tolist() for week in weeks] == [[4, -4], [0, 0], [0, 0]]
    assert [week.fleet[0] for week in weeks] == [4, 0, 0]


def test_a_stretch_with_too_few_compressors_is_no_week(config: ReferenceSection) -> None:
    both, one = [20.0] * 10, [np.nan] * 4 + [20.0] * 6
    reference = make_reference(still([both, one]), config)
    assert [len(week.units) for week in reference.weeks(WINDOWS, WARNING_DAYS, least=1)] == [2, 2, 1]
    assert [len(week.units) for week in reference.weeks(WINDOWS, WARNING_DAYS, least=2)] == [2, 2]
    assert [len(week) for week in reference.prediction_weeks(2, least=2)] == [2, 2, 2]
    assert [len(week) for week in reference.prediction_weeks(2, least=1)] == [2, 2, 2, 1, 1]


def test_bytes_come_back_as_the_same_reference(config: ReferenceSection) -> None:
    reference = make_reference(fleet(np.random.default_rng(2), 6, 1), config)
    back = Reference.from_bytes(reference.to_bytes())
    assert np.array_equal(back.snapshots.values, reference.snapshots.values)
    assert np.array_equal(back.snapshots.rul, reference.snapshots.rul)
    assert np.array_equal(back.prediction_edges, reference.prediction_edges)
    assert (back.snapshots.stride_hours, back.snapshots.rul.dtype) == (4, np.float32)


def changed(content: bytes, **arrays: object) -> bytes:
    """The same file with other arrays; None takes one out."""
    with np.load(io.BytesIO(content)) as stored:
        kept = {**stored, **arrays}
    stream = io.BytesIO()
    np.savez_compressed(stream, **{name: np.asarray(value) for name, value in kept.items() if value is not None})
    return stream.getvalue()


def test_damaged_bytes_say_so(config: ReferenceSection) -> None:
    content = make_reference(fleet(np.random.default_rng(2), 6, 1), config).to_bytes()
    torn = content[: len(content) // 2]
    flipped = content[:300] + bytes(255 - byte for byte in content[300:340]) + content[340:]
    for damaged in (b"", b"no archive", torn, flipped, changed(content, rul=None), changed(content, values=np.zeros((2, 3)))):
        with pytest.raises(ModelError, match=r"monitoring reference is damaged \(.*\): train again"):
            Reference.from_bytes(damaged)


def test_a_reference_of_other_features_is_refused(config: ReferenceSection) -> None:
    content = make_reference(fleet(np.random.default_rng(2), 6, 1), config).to_bytes()
    for other in ({"features": np.array(["vibration"])}, {"format": 99}):
        with pytest.raises(ModelError, match="of another format or feature set: train again"):
            Reference.from_bytes(changed(content, **other))
