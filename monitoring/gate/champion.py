"""The champion: its training compressors, and its error on the others when it was trained."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from config.errors import ModelError, NoChampionError
from config.settings import Settings
from features.contract import CHAMPION, WINDOW_STEP_HOURS
from monitoring.gate.evidence import Recheck
from training.data.labelled_fleet import label_fleet
from training.data.split import UnitSplit
from training.measurement import served_rul
from training.metrics import rmse

if TYPE_CHECKING:
    from features.grid import History
    from serving.registry.client import Registry
    from serving.registry.model_version import ModelFacts, RegisteredModel

SPLIT_FILE: Final = "split.json"  # artifact of a training run: part -> compressor ids


@dataclass(frozen=True)
class KnownChampion:
    """The champion and the parts of its training. `parts` is None when it was trained elsewhere."""

    model: RegisteredModel
    parts: dict[str, list[str]] | None

    @property
    def version(self) -> str:
        """Version in the registry."""
        return self.model.version


@dataclass(frozen=True)
class LostChampion:
    """A champion that cannot be loaded, and `why`. Its parts are kept where they can still be read."""

    version: str
    why: str
    parts: dict[str, list[str]] | None


def known_champion(registry: Registry) -> KnownChampion | None:
    """The champion; None while there is none. Raises ModelError when it cannot be loaded."""
    try:
        model = registry.champion()
    except NoChampionError:
        return None
    return KnownChampion(model, known_parts(registry, model.run_id))


def find_champion(registry: Registry) -> KnownChampion | LostChampion | None:
    """The champion, whether or not it can be loaded; None while there is none.

    Raises ModelError when the registry does not answer.
    """
    version = registry.version_of(CHAMPION)
    if version is None:
        return None
    try:
        return known_champion(registry)
    except ModelError as error:
        why = str(error)
    (run_id,) = (found.run_id for found in registry.versions() if found.version == version)
    parts = None
    with suppress(ModelError):
        parts = known_parts(registry, run_id)
    return LostChampion(version, why, parts)


def known_parts(registry: Registry, run_id: str) -> dict[str, list[str]] | None:
    """Part of the training run -> its compressors; None when the model was trained elsewhere. Raises ModelError."""
    content = registry.run_file(run_id, SPLIT_FILE)
    parts: dict[str, list[str]] | None = None if content is None else json.loads(content)
    return parts


def known_split(champion: KnownChampion | LostChampion | None, history: History) -> UnitSplit | None:
    """The champion's parts as unit numbers of `history`; None when they are unknown."""
    if champion is None or champion.parts is None:
        return None
    return UnitSplit(*(history.units_of(champion.parts[part]) for part in ("train", "validation", "test")))


def with_labels_of(settings: Settings, facts: ModelFacts) -> Settings:
    """`settings` with the label cap and horizon that a model was trained with. Evaluate its predictions with these."""
    return settings.with_model({"labels.max_rul_days": facts.max_rul_days, "labels.horizon_days": facts.horizon_days})


def recheck(settings: Settings, champion: KnownChampion, history: History, events: pl.DataFrame) -> Recheck | None:
    """The champion's RMSE on its own test windows, with today's history and its own label cap.

    Test compressors that the history no longer holds are left out. None when they are unknown.
    """
    then, tested = champion.model.facts.trained_until, set(champion.parts["test"]) if champion.parts else set()
    if then is None or not tested:
        return None
    recorded, gone = champion.model.facts.test_rmse_days, sorted(tested - set(history.compressor_ids))
    if len(gone) == len(tested):
        return Recheck(recorded, None, gone)
    until = datetime.fromisoformat(then)
    config = with_labels_of(settings, champion.model.facts).model
    known = events.filter(pl.col("event_date") <= until)
    fleet = label_fleet(history, known, config.labels, settings.scoring.min_steps)
    index = fleet.every(fleet.index, config.windows.judge_stride_hours).of_units(history.units_of(tested - set(gone)))
    hour = (until - history.first_mark) // timedelta(hours=WINDOW_STEP_HOURS)
    judged = index.take((index.end % history.hours <= hour) & ~index.censored)
    if not len(judged):
        return Recheck(recorded, None, gone)
    now = rmse(judged.rul, served_rul(history.values, judged, champion.model.onnx, config))
    return Recheck(recorded, now, gone)
