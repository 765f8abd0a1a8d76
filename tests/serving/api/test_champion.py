"""The champion in use follows the registry: swapped in one step, kept when the new one cannot be used, and let go when nobody needs it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

import numpy as np
import pytest

from config.errors import ModelError, ModelMismatchError, NoChampionError, NotReadyError, WarehouseError
from features.contract import FEATURES, WINDOW_STEPS
from serving.api.champion import Champion, ChampionSource
from serving.api.recovery import Recovering
from serving.prediction.predictor import Predictor
from serving.registry.model_version import ChampionMark
from tests.serving.gold import COSTS, SCORING, drivers_model, mean_model

WINDOWS = np.full((2, WINDOW_STEPS, len(FEATURES)), 4.0, np.float32)


class Registered:
    """A registry in memory: the version that is champion, and what opening it does."""

    def __init__(self) -> None:
        self.version = "1"
        self.failure: Exception | None = None
        self.warehouse_failure: Exception | None = None
        self.opened = 0

    def model(self) -> Any:
        return mean_model(self.version)

    def open(self, _: object) -> Predictor:
        if self.failure is not None:
            raise self.failure
        self.opened += 1
        return Predictor(self.model(), SCORING, COSTS, 1)

    def mark(self) -> ChampionMark | None:
        model = self.model()
        return ChampionMark(model.version, model.run_id, model.sha256)

    @contextmanager
    def warehouse(self) -> Iterator[Any]:
        if self.warehouse_failure is not None:
            raise self.warehouse_failure
        yield object()


@pytest.fixture
def registered() -> Registered:
    return Registered()


@pytest.fixture
def champion(registered: Registered) -> Iterator[Champion]:
    made = Champion(ChampionSource(registered.open, registered.mark), Recovering("warehouse", registered.warehouse, 0), 0)
    yield made
    made.close()


def test_a_promotion_and_a_rollback_are_taken_up_and_the_same_champion_is_opened_once(champion: Champion, registered: Registered) -> None:
    assert (champion.get().version, champion.version) == ("1", "1")
    for version, opened in (("1", 1), ("2", 2), ("2", 2), ("1", 3)):
        registered.version = version
        champion.follow()
        assert (champion.get().version, registered.opened) == (version, opened)


def test_the_same_number_with_other_bytes_is_another_champion(champion: Champion, registered: Registered) -> None:
    champion.get()
    other = drivers_model(3.0, {}, version="1")
    registered.model = lambda: other  # type: ignore[method-assign]
    champion.follow()
    assert champion.get().registered.sha256 == other.sha256


@pytest.mark.parametrize("failure", [ModelError("broken"), ModelMismatchError("swapped"), NoChampionError("none"), RuntimeError("odd")])
def test_a_new_champion_that_cannot_be_used_keeps_the_old_one_until_it_can(
    champion: Champion, registered: Registered, failure: Exception
) -> None:
    champion.get()
    registered.version, registered.failure = "2", failure
    champion.follow()
    assert (champion.get().version, champion.is_behind) == ("1", True)
    assert champion.is_refused == isinstance(failure, ModelMismatchError)
    registered.failure = None
    champion.follow()
    assert (champion.get().version, champion.is_behind, champion.is_refused) == ("2", False, False)


def test_a_move_back_ends_the_complaint_about_a_broken_champion(champion: Champion, registered: Registered) -> None:
    champion.get()
    registered.version, registered.failure = "2", ModelError("broken")
    champion.follow()
    registered.version = "1"
    champion.follow()
    assert (champion.version, champion.is_behind) == ("1", False)


def test_without_the_warehouse_a_new_champion_waits_because_it_cannot_be_compared(champion: Champion, registered: Registered) -> None:
    registered.warehouse_failure = WarehouseError("down")
    assert champion.get().version == "1"
    registered.version = "2"
    champion.follow()
    assert (champion.version, champion.is_behind) == ("1", True)
    registered.warehouse_failure = None
    champion.follow()
    assert (champion.version, champion.is_behind) == ("2", False)


def test_a_model_that_cannot_run_is_not_taken_up(champion: Champion, registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    champion.get()
    registered.version = "2"

    def fail(*_: object) -> None:
        raise RuntimeError("of ONNX Runtime")

    with monkeypatch.context() as patch:
        patch.setattr("features.model_file.onnx_model.OnnxModel.predict", fail)
        champion.follow()
        assert (champion.version, champion.is_behind) == ("1", True)
    champion.follow()
    assert champion.version == "2"


def test_a_former_champion_answers_its_requests_to_the_end_and_is_then_let_go_at_once(champion: Champion, registered: Registered) -> None:
    gc.collect()
    gc.disable()  # a frozen object is never collected, so no cycle may keep a champion
    try:
        in_use = champion.get()
        former = ref(in_use)
        for version in ("2", "3", "4"):
            registered.version = version
            champion.follow()
        assert [numbers.rul_days for numbers in in_use.predict_windows(WINDOWS)] == [4.0, 4.0]
        assert former() is not None
        del in_use
        assert former() is None
        present = ref(champion.get())
        registered.version = "5"
        champion.follow()
        assert present() is None
    finally:
        gc.enable()


def test_no_request_is_refused_while_the_champion_changes(champion: Champion, registered: Registered) -> None:
    champion.get()
    failed: list[Exception] = []
    seen: set[str] = set()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                predictor = champion.get()
                predictor.predict_windows(WINDOWS)
                seen.add(predictor.version)
            except NotReadyError as error:
                failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(2, 30):
        registered.version = str(version)
        champion.follow()
    ended.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(seen) > 1


def test_after_the_end_nothing_is_taken_up(champion: Champion, registered: Registered) -> None:
    champion.get()
    champion.close()
    registered.version = "2"
    champion.follow()
    with pytest.raises(NotReadyError, match="the service is stopping"):
        champion.get()
