"""Loads the running service with mixed requests, and compares it with ONNX Runtime and MLflow's server: `altaviz benchmark serving`."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import mlflow.onnx
import numpy as np
import onnx
import psutil
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from benchmarks.serving import Call, quantiles_ms, run_load
from config.errors import ModelError, NoDataError
from config.settings import Settings
from features.arrays import Float32s
from features.grid import steps_before
from features.lake import GOLD, Lake
from features.model_file.onnx_model import OnnxModel
from features.model_file.onnx_session import OUTPUTS
from features.reference_tables.tables import read_fleet
from features.windows import fill_gaps
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from serving.api.window_tables import ARROW, PARQUET, write_windows
from serving.registry.client import Registry

_START_S: Final = 180.0  # a server that is not there by then is reported
_POLL_S: Final = 0.2
_SEED: Final = 5
_FEW: Final = 3  # compressors of a "few" request
_SMALL, _BULK = 8, 512  # windows of a request
_ONE_CALLS, _BULK_CALLS = 300, 10
# Of a hundred requests. A planner's request for one compressor must be quick.
_MIX: Final = ("score one",) * 60 + ("score few",) * 10 + ("predict",) * 10 + ("fleet",) * 20


def serving(settings: Settings, minutes: float, rate: float, report: StageReporter) -> dict[str, Any]:
    """Load the service of this home for `minutes` at `rate` requests a second. Then time single and bulk windows three ways.

    Scores are requested for successive moments after the newest reading, so each one is computed and written.
    Returns load (benchmarks.serving.Load.report) and windows by server: one (latency_ms) and bulk (windows_per_s).
    Raises NoChampionError, NoDataError, ModelError (a server does not start).
    """
    quieten()
    champion = Registry(settings.tracking_uri).champion()
    lake = Lake(settings.lake_uri)
    lake.delta(GOLD)  # raises if there is none
    ids = read_fleet(lake)["compressor_id"].sort().to_list()
    newest = lake.newest_reading()
    if newest is None:
        raise NoDataError("gold holds no rows: run `altaviz ingest` and `altaviz features` first")
    windows = _windows(lake, ids, newest)
    with report.stage("start the service"), running_service(settings) as (client, process):
        with report.stage("load") as advance:
            load = run_load(
                str(client.base_url), psutil.Process(process.pid), _caller(ids, newest, rate, windows), rate, minutes * 60, advance
            )
        with report.stage("windows: service"):
            own = _by_http(client, "/v1/predict", "windows", windows)
        with report.stage("windows: service, Arrow"):
            by_arrow = _by_table(client, ARROW, windows)
        with report.stage("windows: service, Parquet"):
            by_parquet = _by_table(client, PARQUET, windows)
    with report.stage("windows: ONNX Runtime"):
        model = OnnxModel(champion.onnx, settings.model.scoring.threads)
        raw = _timed(lambda batch: model.predict(batch), windows)
    with (
        report.stage("windows: mlflow models serve"),
        _model_folder(champion.onnx, model, windows) as folder,
        _mlflow_server(settings, folder) as client,
    ):
        other = _by_http(client, "/invocations", "inputs", windows)
    return {
        "model_version": champion.version,
        "minutes": minutes,
        "rate": rate,
        "load": load.report(),
        "windows": {
            "service": own,
            "service_arrow": by_arrow,
            "service_parquet": by_parquet,
            "onnxruntime": raw,
            "mlflow_models_serve": other,
        },
    }


def _windows(lake: Any, ids: list[str], newest: datetime) -> Float32s:
    """A bulk of real windows -> [_BULK, 24, 24], those of the fleet over and over."""
    own = fill_gaps(steps_before(lake.delta(GOLD), ids, newest).values)
    complete = own[np.isfinite(own).all(axis=(1, 2))]
    if not len(complete):
        raise ModelError("no compressor has a complete window at the newest reading: ingest and build a full day of readings first")
    return np.resize(complete, (_BULK, *complete.shape[1:])).astype(np.float32)


def _caller(ids: list[str], newest: datetime, rate: float, windows: Float32s) -> Callable[[int], Call]:
    draw = random.Random(_SEED)  # noqa: S311 - a reproducible mix
    predict = json.dumps({"windows": windows[:_SMALL].tolist()}).encode()
    # other moments than an earlier run's, whose rows are there already
    newest += timedelta(microseconds=datetime.now(UTC).microsecond % 20_000)

    def call(number: int) -> Call:
        kind = draw.choice(_MIX)
        if kind == "fleet":
            return Call(kind, "GET", "/v1/fleet")
        if kind == "predict":
            return Call(kind, "POST", "/v1/predict", predict)
        chosen = draw.sample(ids, min(len(ids), _FEW if kind == "score few" else 1))
        moment = newest + timedelta(seconds=number / rate)
        return Call(kind, "POST", "/v1/score", json.dumps({"compressor_ids": chosen, "as_of": moment.isoformat()}).encode())

    return call


def _timed(predict: Callable[[Float32s], object], windows: Float32s) -> dict[str, Any]:
    """One window at a time, then all of them at once."""
    predict(windows)
    one, bulk = [], []
    for number in range(_ONE_CALLS):
        started = time.perf_counter()
        predict(windows[number % len(windows)][None])
        one.append(time.perf_counter() - started)
    for _ in range(_BULK_CALLS):
        started = time.perf_counter()
        predict(windows)
        bulk.append(time.perf_counter() - started)
    return {"one_ms": quantiles_ms(one), "bulk_windows_per_s": round(len(windows) / sorted(bulk)[len(bulk) // 2])}


def _by_http(client: httpx.Client, path: str, key: str, windows: Float32s) -> dict[str, Any]:
    """The same over HTTP. The JSON is made beforehand, so only the server is timed."""
    bodies: dict[int, bytes] = {}

    def predict(batch: Float32s) -> None:
        body = bodies.setdefault(len(batch), json.dumps({key: batch.tolist()}).encode())
        client.post(path, content=body, headers={"content-type": "application/json"}).raise_for_status()

    return _timed(predict, windows)


def _by_table(client: httpx.Client, kind: str, windows: Float32s) -> dict[str, Any]:
    """The same as tables of the media type `kind`, also the answers. They are written beforehand, as the JSON is."""
    bodies: dict[int, bytes] = {}

    def predict(batch: Float32s) -> None:
        body = bodies.setdefault(len(batch), write_windows(batch, kind))
        client.post("/v1/predict", content=body, headers={"content-type": kind}).raise_for_status()

    return _timed(predict, windows)


@contextmanager
def running_service(settings: Settings) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """`altaviz serve` as a user starts it, ready."""
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", "0", "--json", "--home", str(settings.home)]
    log = settings.home / "logs" / "benchmark-serve.log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(settings.environ)) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise ModelError(f"the service does not start: see {log}")
            with _ready(json.loads(line)["url"], "/readyz", process, log) as client:
                yield client, process
        finally:
            process.terminate()


@contextmanager
def _model_folder(content: bytes, model: OnnxModel, windows: Float32s) -> Iterator[Path]:
    """Save the champion's bytes as a new MLflow model: the registered MLmodel file could name code to run."""
    answer = model.predict(windows[:2])
    signature = mlflow.models.infer_signature(windows[:2], {name: getattr(answer, name) for name in OUTPUTS})
    with TemporaryDirectory() as name:
        folder = Path(name) / "model"
        mlflow.onnx.save_model(
            onnx.load_from_string(content), folder, signature=signature, pip_requirements=["onnxruntime"], save_as_external_data=False
        )
        yield folder


@contextmanager
def _mlflow_server(settings: Settings, folder: Path) -> Iterator[httpx.Client]:
    """MLflow's own scoring server over the model in `folder`, in this environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder)]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", port]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": settings.tracking_uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = settings.home / "logs" / "benchmark-mlflow.log"
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True) as process,
    ):
        try:
            with _ready(f"http://127.0.0.1:{port}", "/ping", process, log) as client:
                yield client
        finally:
            _end_all(process)


def _end_all(process: subprocess.Popen[Any]) -> None:
    """A server and the workers that it has started."""
    family = psutil.Process(process.pid)
    members = [family, *family.children(recursive=True)]
    for member in members:
        member.terminate()
    for member in psutil.wait_procs(members, timeout=10)[1]:
        member.kill()


@contextmanager
def _ready(url: str, path: str, process: subprocess.Popen[Any], log: Path) -> Iterator[httpx.Client]:
    not_yet = retry_if_exception_type(httpx.HTTPError)  # it does not listen, or is not ready
    patience = Retrying(stop=stop_after_delay(_START_S), wait=wait_fixed(_POLL_S), retry=not_yet)

    def request(client: httpx.Client) -> None:
        if process.poll() is not None:
            raise ModelError(f"the service at {url} ended before it was ready: see {log}")
        client.get(path).raise_for_status()

    with httpx.Client(base_url=url, timeout=_START_S) as client:
        try:
            patience(request, client)
        except RetryError as error:
            raise ModelError(f"the service at {url} does not become ready: see {log}") from error
        yield client
