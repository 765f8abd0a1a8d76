"""The model registry: the champion's version, the origin of each version, and its ONNX bytes.

Reads and moves aliases of `altaviz-rul`. It never opens a run. This module loads MLflow, serving.registry.model_version does not.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow import MlflowClient, artifacts
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from config.errors import ModelError, ModelMismatchError, NoChampionError
from config.logs import get_log
from config.secrets import hide_passwords
from features.contract import CHAMPION, FEATURE_SET_VERSION, REGISTERED_MODEL
from serving.home.artifact_paths import ARTIFACTS, follow_home, last_move, local_path, store_file
from serving.home.ownership import explain_access
from serving.registry.model_version import FACTS_TAG, ChampionMark, ModelFacts, ModelVersion, RegisteredModel, facts_from_tags

if TYPE_CHECKING:
    from serving.registry.model_record import ModelRecord

MODEL_FILE = "model.onnx"
SHA256_TAG = "altaviz.model_sha256"  # of the file MODEL_FILE; versions from before 2026-12 get theirs when they are first loaded
_MOST_VERSIONS = 1000  # read at once


class Registry:
    """The registered model `altaviz-rul` in one MLflow tracking store."""

    def __init__(self, tracking_uri: str, record: ModelRecord | None = None) -> None:
        """Open the store. The artifact paths of a moved home are corrected. Raises ModelError when the store cannot be reached.

        With `record`, the warehouse's decisions, every loaded model is compared with them.
        """
        self._record = record
        follow_home(tracking_uri)
        self._failure = store_failures()
        self._unreadable: tuple[type[Exception], ...] = (*self._failure, OSError)
        try:
            self._client: MlflowClient = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        except self._failure as error:
            raise ModelError(f"the MLflow store cannot be opened ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error

    def version_of(self, alias: str) -> str | None:
        """The version that carries `alias`, None when there is none."""
        found = self._carrier(alias)
        return None if found is None else str(found.version)

    def champion_mark(self) -> ChampionMark | None:
        """What is champion now, by one question to the registry. None when there is none. Raises ModelError."""
        found = self._carrier(CHAMPION)
        return None if found is None else ChampionMark(str(found.version), str(found.run_id), found.tags.get(SHA256_TAG))

    def _carrier(self, alias: str) -> Any:
        """MLflow's entry of the version that carries `alias`, None when there is none."""
        try:
            return self._client.get_model_version_by_alias(REGISTERED_MODEL, alias)
        except self._failure as error:
            if _code(error) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise ModelError(f"the MLflow registry does not answer ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error

    def champion(self) -> RegisteredModel:
        """The champion with its bytes. Raises NoChampionError, and ModelError when it cannot be loaded."""
        version = self.version_of(CHAMPION)
        if version is None:
            raise NoChampionError(
                f"no version of {REGISTERED_MODEL} is {CHAMPION} yet: run `altaviz train`, or point MLFLOW_TRACKING_URI at a store that has one"
            )
        return self._open(version, as_champion=True)

    def load(self, version: str) -> RegisteredModel:
        """Version `version` with its bytes.

        Raises ModelError when it is missing or made for other features, ModelMismatchError when its file is not the registered one.
        """
        return self._open(version, as_champion=False)

    def _open(self, version: str, *, as_champion: bool) -> RegisteredModel:
        try:
            found = self._client.get_model_version(REGISTERED_MODEL, version)
            source = self._client.get_model_version_download_uri(REGISTERED_MODEL, version)
            self._require_file(version, source)
            content = self._read(f"{source}/{MODEL_FILE}")
        except self._unreadable as error:
            raise ModelError(
                f"version {version} of {REGISTERED_MODEL} cannot be loaded ({_first_line(error)}): bring its files back with "
                "`altaviz restore` from a backup, or point MLFLOW_TRACKING_URI at the store that has them"
            ) from error
        expected = found.tags.get(SHA256_TAG)
        if expected is not None and hashlib.sha256(content).hexdigest() != expected:
            raise ModelMismatchError(
                f"version {version} of {REGISTERED_MODEL}: {local_path(source) or source}/{MODEL_FILE} is not the file that was "
                "registered (another SHA-256): bring it back with `altaviz restore` from a backup"
            )
        facts = facts_from_tags(found.tags, version)
        if facts.feature_set_version != FEATURE_SET_VERSION:
            raise ModelError(
                f"version {version} was trained on feature set {facts.feature_set_version}, this version of altaviz computes {FEATURE_SET_VERSION}: train again"
            )
        model = RegisteredModel(version, str(found.run_id), facts, content)
        if self._record is not None:
            (self._record.compare_champion if as_champion else self._record.compare)(model)
            if expected is None:
                self._keep_sha256(model)
        return model

    def _keep_sha256(self, model: RegisteredModel) -> None:
        """Tag an old version with the digest of its bytes, once. A read-only store stays unchanged."""
        get_log().warning("model bytes recorded", version=model.version, sha256=model.sha256, reason="registered before they were kept")
        with contextlib.suppress(ModelError):
            self.set_tags(model.version, {SHA256_TAG: model.sha256})

    def sha256_of(self, version: str) -> str | None:
        """The registered digest of the version's bytes, None for an old version. Raises ModelError."""
        with self._changing(f"version {version}"):
            digest: str | None = self._client.get_model_version(REGISTERED_MODEL, version).tags.get(SHA256_TAG)
        return digest

    def _read(self, uri: str, inside: str = "") -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            local = artifacts.download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._client.tracking_uri)
            return (Path(local) / inside).read_bytes()

    def _require_file(self, version: str, source: str) -> None:
        """Raise ModelError when the model file of a local store is missing or unreadable. The message has path and remedy."""
        folder = local_path(source)
        if folder is None:
            return
        file = folder / MODEL_FILE
        obstacle = explain_access(file)
        if obstacle:
            raise ModelError(f"version {version} of {REGISTERED_MODEL} cannot be loaded: {obstacle}")
        if not file.is_file():
            cure = "bring it back with `altaviz restore` from a backup, or copy the folder from the home it came from"
            raise ModelError(f"version {version} of {REGISTERED_MODEL}: its file {file} is missing: {self._copy_command(file) or cure}")

    def _copy_command(self, file: Path) -> str | None:
        """The command that copies the artifacts from their former home, None unless the file is still there."""
        move, store = last_move(self._client.tracking_uri), store_file(self._client.tracking_uri)
        if move is None or store is None or not file.is_relative_to(store.parent):
            return None
        if not (move.origin / file.relative_to(store.parent)).is_file():
            return None
        return f"it is still in the former home; copy it: `cp -a {move.origin / ARTIFACTS}/. {store.parent / ARTIFACTS}/`"

    def run_file(self, run_id: str, path: str) -> bytes | None:
        """The artifact `path` of a run, None when the run has none. Raises ModelError."""
        folder = path.rpartition("/")[0] or None
        try:
            if path not in {item.path for item in self._client.list_artifacts(run_id, folder)}:
                return None
            with tempfile.TemporaryDirectory() as target:
                uri = f"runs:/{run_id}/{path}"
                return Path(artifacts.download_artifacts(uri, dst_path=target, tracking_uri=self._client.tracking_uri)).read_bytes()
        except self._unreadable as error:
            raise ModelError(f"{path} of run {run_id} cannot be read ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error

    def run_metric(self, run_id: str, name: str) -> float | None:
        """The last value of a metric of a run, None without the metric or the run. Raises ModelError."""
        try:
            value = self._client.get_run(run_id).data.metrics.get(name)
        except self._failure as error:
            if _code(error) == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise ModelError(f"run {run_id} cannot be read ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error
        return None if value is None else float(value)

    def run_folder(self, run_id: str, path: str, target: Path) -> list[Path]:
        """Copy the artifacts below `path` of a run into `target`. Returns the copies. Raises ModelError."""
        try:
            if not self._client.list_artifacts(run_id, path):
                return []
            copied = Path(
                artifacts.download_artifacts(
                    run_id=run_id, artifact_path=path, dst_path=str(target), tracking_uri=self._client.tracking_uri
                )
            )
        except self._unreadable as error:
            raise ModelError(f"{path} of run {run_id} cannot be read ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error
        return sorted(file for file in copied.rglob("*") if file.is_file())

    def register(self, model_uri: str, facts: ModelFacts, tags: dict[str, str]) -> str:
        """Register a logged model with its facts and tags in one call. Returns its version. Raises ModelError."""
        try:
            digest = hashlib.sha256(self._read(model_uri, MODEL_FILE)).hexdigest()
            complete = {FACTS_TAG: json.dumps(asdict(facts)), SHA256_TAG: digest, **tags}
            with contextlib.redirect_stderr(io.StringIO()):  # MLflow repeats there what the log has
                return str(mlflow.register_model(model_uri, REGISTERED_MODEL, tags=complete).version)
        except self._unreadable as error:
            raise ModelError(f"the model cannot be registered ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error

    def versions(self) -> list[ModelVersion]:
        """Every version, newest first. Raises ModelError."""
        try:
            found = self._client.search_model_versions(f"name = '{REGISTERED_MODEL}'", max_results=_MOST_VERSIONS)
            aliases = self._client.get_registered_model(REGISTERED_MODEL).aliases if found else {}
        except self._failure as error:
            raise ModelError(f"the MLflow registry does not answer ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error
        return [
            ModelVersion(
                str(item.version),
                str(item.run_id),
                datetime.fromtimestamp(item.creation_timestamp / 1000, UTC),
                tuple(sorted(alias for alias, version in aliases.items() if str(version) == str(item.version))),
                dict(item.tags),
            )
            for item in sorted(found, key=lambda item: -int(item.version))
        ]

    def describe(self, version: str, text: str) -> None:
        """Set the Markdown that MLflow's page shows of the version. Raises ModelError."""
        with self._changing(f"version {version}"):
            self._client.update_model_version(REGISTERED_MODEL, version, text)

    def set_tags(self, version: str, tags: dict[str, str]) -> None:
        """Store short texts with the version. Raises ModelError."""
        with self._changing(f"version {version}"):
            for key, value in tags.items():
                self._client.set_model_version_tag(REGISTERED_MODEL, version, key, value)

    def drop_tag(self, version: str, key: str) -> None:
        """Take a text from the version. Raises ModelError."""
        with self._changing(f"version {version}"):
            self._client.delete_model_version_tag(REGISTERED_MODEL, version, key)

    def set_alias(self, alias: str, version: str) -> None:
        """Move `alias` to the version. Raises ModelError."""
        with self._changing(f"alias {alias} of version {version}"):
            self._client.set_registered_model_alias(REGISTERED_MODEL, alias, version)

    def drop_alias(self, alias: str) -> None:
        """Take `alias` from whichever version carries it. Raises ModelError."""
        if self.version_of(alias) is not None:
            with self._changing(f"alias {alias}"):
                self._client.delete_registered_model_alias(REGISTERED_MODEL, alias)

    @contextlib.contextmanager
    def _changing(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._failure as error:
            raise ModelError(f"{what} of {REGISTERED_MODEL} cannot be changed ({_first_line(error)}): check MLFLOW_TRACKING_URI") from error


def store_failures() -> tuple[type[Exception], ...]:
    """The errors of an MLflow store: MLflow's own, and those of a database that cannot be opened."""
    return MlflowException, SQLAlchemyError


def _code(error: Exception) -> str | None:
    return getattr(error, "error_code", None)


def _first_line(error: Exception) -> str:
    return hide_passwords((str(error).splitlines() or [type(error).__name__])[0])[:200]
