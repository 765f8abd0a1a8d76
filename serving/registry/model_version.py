"""A version of the registered model: its facts, its tags, its bytes. Loads no MLflow, so a predictor can be made without it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from config.errors import ModelError
from config.loader import DIGEST_CHARACTERS
from features.contract import REGISTERED_MODEL

FACTS_TAG: Final = "altaviz.facts"


@dataclass(frozen=True)
class ModelFacts:
    """What scoring must know about a model. It is stored as a tag of the version."""

    feature_set_version: str
    max_rul_days: float
    horizon_days: float
    gold_version: int
    test_rmse_days: float
    baseline_rmse_days: float
    trained_until: str | None = None  # ISO time of the last hour trained on; None for a version from elsewhere


@dataclass(frozen=True)
class ModelVersion:
    """The registry's entry of one version, without its bytes."""

    version: str
    run_id: str
    created: datetime
    aliases: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True)
class RegisteredModel:
    """One version of the registered model."""

    version: str
    run_id: str
    facts: ModelFacts
    onnx: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.onnx).hexdigest()

    @property
    def digest(self) -> str:
        """Start of the SHA-256. A version number alone may name another model in another registry."""
        return self.sha256[:DIGEST_CHARACTERS]


@dataclass(frozen=True)
class ChampionMark:
    """What the registry names champion, without its bytes."""

    version: str
    run_id: str
    sha256: str | None  # None for an old version

    def is_of(self, model: RegisteredModel) -> bool:
        """Whether this is `model`."""
        return (self.version, self.run_id) == (model.version, model.run_id) and self.sha256 in (None, model.sha256)


def facts_from_tags(tags: dict[str, Any], version: str) -> ModelFacts:
    """The facts that `Registry.register` stored. Raises ModelError when the tag is missing or of another shape."""
    try:
        return ModelFacts(**json.loads(tags[FACTS_TAG]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"version {version} of {REGISTERED_MODEL} has no record of its training: train and register it again") from error
