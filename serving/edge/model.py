"""The exported model and its predictions, by the rules of serving.assessment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from features.arrays import Float32s, Ints
from features.contract import WINDOW_STEP_HOURS, WINDOW_STEPS
from features.model_file.onnx_session import INPUT, OUTPUTS, open_session
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.fault import FaultTexts, encode_faults
from features.sensor_health.find import FoundFaults
from features.windows import fill_gaps, has_data
from serving.assessment import Numbers, WindowLimits, health_of, status_of, urgency_of
from serving.edge.contract import Contract, EdgeInputError
from serving.edge.readings import EPOCH, NEVER, Readings, iso_time
from serving.prediction.data_faults import WindowFault, describe_faults, mask_faults, spoils_model, window_faults


@dataclass(frozen=True)
class SiteWindows:
    """The window of each compressor of a site before one moment."""

    compressor_ids: Sequence[str]  # [units]
    as_of_us: int  # microseconds since 1970, UTC
    steps: Float32s  # [units, steps, features], NaN where there is no value
    last_reading: Ints  # [units] microseconds since 1970, NEVER without one
    faults: Sequence[Sequence[WindowFault]]  # [units]


def open_model(path: Path, contract: Contract, threads: int) -> onnxruntime.InferenceSession:
    """A session over the exported model. Raises EdgeInputError for any other file."""
    known = contract["model"]["files"]
    if path.name not in known:
        raise EdgeInputError(f"{path.name} is not a model of this folder: choose {' or '.join(known)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != known[path.name]["sha256"]:
        raise EdgeInputError(f"{path}: is not the model that was exported: export the folder again")
    return open_session(content, threads)


def faults_by_unit(rows: Readings, found: FoundFaults, last_reading: Ints, as_of_us: int) -> list[list[WindowFault]]:
    """The faults within the window of each unit -> [units]."""
    texts: list[FaultTexts] = [[] for _ in last_reading]
    start = as_of_us - WINDOW_STEPS * WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR
    for row, faults in sorted(found.faults.items()):
        if start < rows.time_us[row] <= as_of_us:
            texts[int(rows.unit[row])].append((int(rows.time_us[row]), encode_faults(faults) or ""))
    return [window_faults(own, _moment(last)) for own, last in zip(texts, last_reading.tolist(), strict=True)]


def predict(session: onnxruntime.InferenceSession, site: SiteWindows, contract: Contract) -> list[dict[str, Any]]:
    """One prediction per compressor, most urgent first. Without the status ok it has no numbers. Raises EdgeInputError."""
    as_of = EPOCH + timedelta(microseconds=site.as_of_us)
    limits = WindowLimits(contract["window"]["min_steps"], contract["window"]["stale_after_hours"])
    steps = np.stack([mask_faults(own, faults, as_of) if faults else own for own, faults in zip(site.steps, site.faults, strict=True)])
    hours = has_data(steps).sum(axis=1).tolist()  # [units]
    last_reading = [_moment(last) for last in site.last_reading.tolist()]
    rows = []
    for unit, compressor_id in enumerate(site.compressor_ids):
        last, faults = last_reading[unit], site.faults[unit]
        row = {
            "compressor_id": compressor_id,
            "status": status_of(None if last is None else as_of - last, hours[unit], spoils_model(faults), limits),
            "data_faults": describe_faults(faults, as_of),
            **dict.fromkeys((*(item.name for item in fields(Numbers)), "health")),
            "horizon_days": contract["labels"]["horizon_days"],
            "hours_with_data": hours[unit],
            "newest_reading": None if last is None else iso_time(int(site.last_reading[unit])),
        }
        rows.append(row)
    ready = [unit for unit, row in enumerate(rows) if row["status"] == "ok"]
    if ready:
        answers = np.stack(session.run(list(OUTPUTS), {INPUT: fill_gaps(steps[ready])})).astype(np.float64)  # [outputs, ready]
        if not np.isfinite(answers).all():
            raise EdgeInputError("the model predicts a value that is not finite: export the folder again")
        for unit, answer in zip(ready, answers.T.tolist(), strict=True):
            rows[unit] |= _numbers(answer, contract)
    return sorted(rows, key=lambda row: urgency_of(row["compressor_id"], row["rul_days"], row["failure_probability"]))


def _numbers(answer: list[float], contract: Contract) -> dict[str, Any]:
    rul, lower, upper, probability = answer
    limits = contract["health"]
    numbers = Numbers.of(rul, lower, upper, probability, max_rul_days=contract["labels"]["max_rul_days"])
    return {
        **asdict(numbers),
        "health": health_of(numbers.rul_days, warning_days=limits["warning"], critical_days=limits["critical"]),
    }


def _moment(moment_us: int) -> datetime | None:
    return None if moment_us == NEVER else EPOCH + timedelta(microseconds=moment_us)
