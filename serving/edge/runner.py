"""Predicts the remaining life of compressors from their raw readings, beside the machine: numpy, onnxruntime, and the files of this folder.

    python run.py readings.csv                           one JSON document: a prediction per compressor, most urgent first
    python run.py readings.csv --as-of 2026-03-09T05:50  as it was then
    python run.py readings.csv --features features.csv   also the 24 features of every reading that was kept
    python run.py readings.csv --digest 4f0c...          refuse a folder that is not the one of this digest

Readings are CSV with the columns compressor_id, timestamp (UTC), the six sensors and operating_hours; of two readings of one compressor and time the
last counts. contract.json names units, limits and rules. Exit codes: 0 done, 1 refused with one line why and nothing written, 2 wrong use.
"""

# `altaviz export-edge` writes run.py from this file and the modules of config/, features/ and serving/ that it imports (pipelines/edge/bundle.py): what is
# computed beside the machine is the text of what is computed in silver and gold. Nothing but the standard library, numpy, onnxruntime and those is imported.

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import onnxruntime

from config.plain_text import plain_text, spreadsheet_text
from features.arrays import Doubles, Float32s, Ints
from features.contract import (
    ALL_SENSORS_NULL,
    COMPRESSOR_ID,
    DAY_OF_WEEK,
    DAYS_DIGITS,
    DISCHARGE_PRESSURE,
    DUPLICATE,
    FEATURE_SET_VERSION,
    FEATURES,
    FUTURE_TIMESTAMP,
    HOUR_OF_DAY,
    IMPLAUSIBLE_TIMESTAMP,
    IS_WEEKEND,
    ISOLATED_SPIKE,
    MERGED,
    MISSING_COMPRESSOR_ID,
    MISSING_TIMESTAMP,
    OUT_OF_RANGE,
    PRESSURE_DIFFERENTIAL,
    SENSOR_FAULTS,
    SENSORS,
    SHARE_DIGITS,
    STATUS_FEATURES,
    STATUS_LEVELS,
    SUCTION_PRESSURE,
    TIMESTAMP,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.merging import merge_rows
from features.rolling import MICROSECONDS_PER_HOUR, rolling_features
from features.sensor_health.fault import FaultTexts, encode_faults
from features.sensor_health.find import FoundFaults, find_faults
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules
from features.spikes import find_isolated_spikes
from features.windows import fill_gaps, has_data
from serving.edge.contract import (
    CONTRACT_FILE,
    DEFAULT_LIMITS,
    MODEL_FILE,
    ZONE_FOLDER,
    Contract,
    EdgeInputError,
    load_contract,
    require_digest,
)
from serving.edge.readings import EPOCH, NEVER, Readings, parse_time, read_files
from serving.prediction.data_faults import WindowFault, describe_faults, mask_faults, spoils_model, window_faults

INPUT_NAME: Final = "windows"
OUTPUT_NAMES: Final = ("rul", "rul_lower", "rul_upper", "failure_probability")
DIGEST_VARIABLE: Final = "ALTAVIZ_EDGE_DIGEST"  # in place of --digest
_SECONDS_PER_DAY: Final = 86_400


def keep_rows(raw: Readings, now_us: int, clock_skew_us: int, earliest_us: int) -> tuple[Readings, dict[str, int]]:
    """The rows that silver keeps, by compressor and time, and how many it rejects by reason; the first reason that holds counts."""
    reasons = np.select(
        [
            raw.unit < 0,
            raw.time_us == NEVER,
            raw.time_us < earliest_us,
            raw.time_us > now_us + clock_skew_us,
            np.all([np.isnan(values) for values in raw.sensors.values()], axis=0),
        ],
        [MISSING_COMPRESSOR_ID, MISSING_TIMESTAMP, IMPLAUSIBLE_TIMESTAMP, FUTURE_TIMESTAMP, ALL_SENSORS_NULL],
        "",
    )
    kept = np.flatnonzero(reasons == "")
    ordered = kept[np.lexsort((kept, raw.time_us[kept], raw.unit[kept]))]
    rows = raw.take(ordered)
    merged = merge_rows(rows.unit, rows.time_us, rows.sensors, np.full(len(ordered), np.nan), {})
    rejected = Counter(reasons[reasons != ""].tolist()) + Counter({DUPLICATE: len(merged.duplicates), MERGED: len(merged.contributed)})
    return Readings(rows.unit[merged.kept], rows.time_us[merged.kept], merged.values), dict(rejected)


def judge_values(rows: Readings, contract: Contract) -> tuple[Readings, dict[str, int], FoundFaults]:
    """`rows` with the values nulled that silver nulls, how many by reason, and the faults of the sensors."""
    rule: Any = SimpleNamespace(**contract["spike_rule"])
    found = find_faults(SensorReadings(rows.unit, rows.time_us, rows.sensors, {}), HealthRules.from_dict(contract["sensor_health"]))
    judged: dict[str, Doubles] = {}
    nulled: Counter[str] = Counter()
    for sensor in SENSORS:
        values, physical = rows.sensors[sensor], contract["sensors"][sensor]["physical"]
        possible = np.where((values >= physical["low"]) & (values <= physical["high"]), values, np.nan)
        spikes = find_isolated_spikes(rows.unit, rows.time_us, possible, rule)
        nulled[OUT_OF_RANGE] += int((np.isnan(possible) & ~np.isnan(values)).sum())
        refused = np.isnan(possible)
        for fault in SENSOR_FAULTS:
            faulty = found.refused(sensor, fault) & ~refused
            nulled[fault] += int(faulty.sum())
            refused |= faulty
        nulled[ISOLATED_SPIKE] += int((spikes & ~refused).sum())
        judged[sensor] = np.where(spikes | refused, np.nan, possible)
    return Readings(rows.unit, rows.time_us, judged), {reason: count for reason, count in nulled.items() if count}, found


def gold_features(rows: Readings, contract: Contract, folder: Path) -> dict[str, Doubles]:
    """The features of every row, in the contract's order -> [n] each; a status is 0, 1, 2; NaN where gold has null."""
    found = rolling_features(rows.unit, rows.time_us, rows.sensors, contract["delta_tolerance_s"])
    found[PRESSURE_DIFFERENTIAL] = rows.sensors[DISCHARGE_PRESSURE] - rows.sensors[SUCTION_PRESSURE]
    for feature, sensor in STATUS_FEATURES.items():
        found[feature] = _status(rows, sensor, contract)
    found.update(_calendar(rows, contract, folder))
    return {name: found[name] for name in FEATURES}


def _status(rows: Readings, sensor: str, contract: Contract) -> Doubles:
    """Level by the limits of the compressor's model, both inclusive; a sensor without critical limit never gets that far."""
    sign = 1.0 if contract["sensors"][sensor]["direction"] == "high" else -1.0
    models = [contract["compressors"][name]["model"] for name in sorted(contract["compressors"])]
    limits = [contract["limits"].get(model, contract["limits"][DEFAULT_LIMITS])[sensor] for model in models]  # by unit
    value = sign * rows.sensors[sensor]
    level = np.zeros(len(value))
    for kind in ("warning", "critical"):
        limit = np.array([np.inf if item[kind] is None else sign * item[kind] for item in limits])
        level[value >= limit[rows.unit]] = STATUS_LEVELS.index(kind)
    return np.where(np.isnan(value), np.nan, level)


def _calendar(rows: Readings, contract: Contract, folder: Path) -> dict[str, Doubles]:
    """Hour, weekday and weekend in the time zone of each compressor's station."""
    zones = [contract["compressors"][name]["time_zone"] for name in sorted(contract["compressors"])]  # by unit
    utc = rows.time_us // 1_000_000
    local = utc.copy()
    for name in sorted(set(zones)):
        inside = np.array([zone == name for zone in zones])[rows.unit]
        moments, places = np.unique(utc[inside], return_inverse=True)
        local[inside] += _offsets(moments, name, folder)[places]
    weekday = (local // _SECONDS_PER_DAY + 3) % 7 + 1  # 1970 began on a Thursday
    hour = local % _SECONDS_PER_DAY // 3600
    return {HOUR_OF_DAY: hour.astype(float), DAY_OF_WEEK: weekday.astype(float), IS_WEEKEND: (weekday >= 6).astype(float)}


def _offsets(moments: Ints, name: str, folder: Path) -> Ints:
    """Seconds that local time is ahead of UTC at `moments` (seconds since 1970) -> [n], by the zone file of this folder."""
    try:
        with (folder / ZONE_FOLDER / name).open("rb") as stream:
            zone = ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError) as error:
        raise EdgeInputError(f"{folder / ZONE_FOLDER / name} cannot be read: export the folder again") from error
    # a day inside what datetime can say, so that no offset leads out of it
    low, high = ((edge.replace(tzinfo=UTC) - EPOCH).total_seconds() for edge in (datetime.min, datetime.max))
    inside = np.clip(moments, int(low) + _SECONDS_PER_DAY, int(high) - _SECONDS_PER_DAY).tolist()
    offsets = [(EPOCH + timedelta(seconds=moment)).astimezone(zone).utcoffset() for moment in inside]
    return np.array([0 if offset is None else offset.total_seconds() for offset in offsets], np.int64)


def hourly_steps(rows: Readings, features: dict[str, Doubles], as_of_us: int, units: int) -> tuple[Float32s, Ints]:
    """Each feature's last value in each hour before `as_of_us` -> [units, steps, features] float32, NaN where there is none; and each unit's newest row's time."""
    age = as_of_us - rows.time_us
    inside = np.flatnonzero((age >= 0) & (age < WINDOW_STEPS * WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR))
    step = WINDOW_STEPS - 1 - age[inside] // (WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR)
    steps = np.full((units, WINDOW_STEPS, len(FEATURES)), np.nan, np.float32)
    newest = np.full(units, NEVER, np.int64)
    # rows ascend in time, and of several that are assigned to one place the last stays
    for column, name in enumerate(FEATURES):
        values = features[name][inside]
        known = ~np.isnan(values)
        steps[rows.unit[inside][known], step[known], column] = values[known].astype(np.float32)
    newest[rows.unit[inside]] = rows.time_us[inside]
    return steps, newest


def open_model(path: Path, contract: Contract, threads: int) -> onnxruntime.InferenceSession:
    """The model, if it is the very file that was exported. Raises EdgeInputError."""
    known = contract["model"]["files"]
    if path.name not in known:
        raise EdgeInputError(f"{path.name} is no model of this folder: choose {' or '.join(known)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != known[path.name]["sha256"]:
        raise EdgeInputError(f"{path}: is not the model that was exported: export the folder again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def faults_by_unit(rows: Readings, found: FoundFaults, newest: Ints, as_of_us: int) -> list[list[WindowFault]]:
    """The faults within the window of each unit -> [units]."""
    texts: list[FaultTexts] = [[] for _ in newest]
    start = as_of_us - WINDOW_STEPS * WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR
    for row, faults in sorted(found.faults.items()):
        if start < rows.time_us[row] <= as_of_us:
            texts[int(rows.unit[row])].append((int(rows.time_us[row]), encode_faults(faults) or ""))
    last = [None if moment == NEVER else EPOCH + timedelta(microseconds=int(moment)) for moment in newest]
    return [window_faults(own, moment) for own, moment in zip(texts, last, strict=True)]


def predict(
    session: onnxruntime.InferenceSession,
    steps: Float32s,
    newest: Ints,
    faults: Sequence[Sequence[WindowFault]],
    as_of_us: int,
    compressor_ids: Sequence[str],
    contract: Contract,
) -> list[dict[str, Any]]:
    """One prediction per compressor, most urgent first; a stale one, or one with too few hours of data, gets no numbers. Raises EdgeInputError."""
    window, as_of = contract["window"], EPOCH + timedelta(microseconds=as_of_us)
    steps = np.stack([mask_faults(own, found, as_of) if found else own for own, found in zip(steps, faults, strict=True)])
    hours = has_data(steps).sum(axis=1)  # [units]
    stale = (newest == NEVER) | (as_of_us - np.maximum(newest, 0) > window["stale_after_hours"] * MICROSECONDS_PER_HOUR)
    ok = ~stale & (hours >= window["min_steps"])
    ready = np.flatnonzero(ok)
    answers = np.empty((len(OUTPUT_NAMES), 0))
    if len(ready):
        answers = np.stack(session.run(list(OUTPUT_NAMES), {INPUT_NAME: fill_gaps(steps[ready])})).astype(np.float64)
    if not np.isfinite(answers).all():
        raise EdgeInputError("the model answers with something that is no number: export the folder again")
    found = []
    for unit, compressor_id in enumerate(compressor_ids):
        row = {
            "compressor_id": compressor_id,
            "status": "stale"
            if stale[unit]
            else "ok"
            if ok[unit]
            else "bad_data"
            if spoils_model(faults[unit])
            else "insufficient_history",
            "data_faults": describe_faults(faults[unit], as_of),
            **dict.fromkeys(("rul_days", "rul_lower_days", "rul_upper_days", "failure_probability", "confidence_score", "health")),
            "horizon_days": contract["labels"]["horizon_days"],
            "hours_with_data": int(hours[unit]),
            "newest_reading": None if newest[unit] == NEVER else _iso(int(newest[unit])),
        }
        if ok[unit]:
            row |= _numbers(answers[:, np.searchsorted(ready, unit)].tolist(), contract)
        found.append(row)
    return sorted(found, key=_urgency)


def _numbers(answer: list[float], contract: Contract) -> dict[str, Any]:
    rul, lower, upper = (round(max(days, 0.0), DAYS_DIGITS) for days in answer[:3])
    probability = answer[3]
    limits, cap = contract["health"], contract["labels"]["max_rul_days"]
    return {
        "rul_days": rul,
        "rul_lower_days": lower,
        "rul_upper_days": upper,
        "failure_probability": round(min(max(probability, 0.0), 1.0), SHARE_DIGITS),
        "confidence_score": round(min(max(1 - (upper - lower) / cap, 0.0), 1.0), SHARE_DIGITS),
        "health": "critical" if rul <= limits["critical"] else "warning" if rul <= limits["warning"] else "healthy",
    }


def _urgency(row: dict[str, Any]) -> tuple[float, float, str]:
    if row["rul_days"] is None:
        return (float("inf"), 0.0, row["compressor_id"])
    return (row["rul_days"], -row["failure_probability"], row["compressor_id"])


def run(
    paths: Sequence[Path], folder: Path, *, as_of_us: int, now_us: int, model: str, threads: int, features_file: Path | None
) -> dict[str, Any]:
    """From files to the document that is printed. Raises EdgeInputError."""
    clock = [time.perf_counter()]
    if features_file is not None:
        _require_unread(features_file, (*paths, folder / CONTRACT_FILE, folder / model, Path(__file__)))
    contract = load_contract(folder)
    compressor_ids = sorted(contract["compressors"])
    raw = read_files(paths, compressor_ids)
    clock.append(time.perf_counter())
    rows, rejected = keep_rows(raw, max(now_us, as_of_us), round(contract["clock_skew_minutes"] * 60e6), parse_time(contract["earliest"]))
    rows = rows.take(rows.time_us <= as_of_us)
    if not len(rows.unit):
        raise EdgeInputError(f"no usable reading at or before {_iso(as_of_us)}: choose a later --as-of")
    if features_file is None:  # what is older reaches no step of the window
        rows = rows.take(rows.time_us > as_of_us - round(contract["lookback_hours"] * MICROSECONDS_PER_HOUR))
    rows, nulled, found = judge_values(rows, contract)
    features = gold_features(rows, contract, folder)
    steps, newest = hourly_steps(rows, features, as_of_us, len(compressor_ids))
    clock.append(time.perf_counter())
    session = open_model(folder / model, contract, threads)
    clock.append(time.perf_counter())
    predictions = predict(session, steps, newest, faults_by_unit(rows, found, newest, as_of_us), as_of_us, compressor_ids, contract)
    clock.append(time.perf_counter())
    if features_file is not None:
        write_features(features_file, rows, features, compressor_ids)
    return {
        "model_version": contract["model"]["version"],
        "model": model,
        "feature_set_version": FEATURE_SET_VERSION,
        "as_of": _iso(as_of_us),
        "readings": {"read": len(raw.unit), "used": len(rows.unit), "rejected_rows": rejected, "nulled_values": nulled},
        "predictions": predictions,
        "milliseconds": dict(
            zip(("read", "features", "open_model", "predict"), [round(span, 2) for span in (np.diff(clock) * 1000).tolist()], strict=True)
        ),
    }


def _require_unread(path: Path, sources: Sequence[Path]) -> None:
    """What is written must be none of the files that are read, whatever way leads there. Raises EdgeInputError."""
    try:
        read = [source for source in sources if path.exists() and source.exists() and path.samefile(source)]
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be written ({error.strerror})") from error
    if read:
        raise EdgeInputError(f"{path}: is {read[0]}, which is read: choose another file for --features")


def write_features(path: Path, rows: Readings, features: dict[str, Doubles], compressor_ids: Sequence[str]) -> None:
    """The features as CSV, a row per reading, statuses in words, nothing where gold has null; all of the file or none. Raises EdgeInputError."""
    columns = [[_text(name, value) for value in features[name].tolist()] for name in FEATURES]
    keys = ([spreadsheet_text(compressor_ids[unit]) for unit in rows.unit.tolist()], [_iso(moment) for moment in rows.time_us.tolist()])
    target = Path(os.path.realpath(path))  # through a link: the file is replaced, not the link
    if target.exists() and not target.is_file():
        raise EdgeInputError(f"{path}: is no file that can be replaced: choose another for --features")
    try:
        with tempfile.TemporaryDirectory(prefix=".features-", dir=target.parent) as aside:
            whole = Path(aside) / target.name
            with whole.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow([COMPRESSOR_ID, TIMESTAMP, *FEATURES])
                writer.writerows(zip(*keys, *columns, strict=True))
                stream.flush()
                os.fsync(stream.fileno())
            whole.replace(target)
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be written ({error.strerror})") from error


def _text(name: str, value: float) -> str:
    if value != value:
        return ""
    if name in STATUS_FEATURES:
        return STATUS_LEVELS[int(value)]
    return str(int(value)) if name in (HOUR_OF_DAY, DAY_OF_WEEK, IS_WEEKEND) else repr(value)


def _iso(moment_us: int) -> str:
    moment = EPOCH + timedelta(microseconds=moment_us)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def main(arguments: Sequence[str] | None = None, folder: Path = Path(__file__).parent) -> int:
    """Read the command line, print the document, return the exit code."""
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(prog="run.py", description="Remaining life of compressors from their raw readings.")
    parser.add_argument(
        "readings", nargs="+", type=Path, metavar="FILE.csv", help="readings of the last lookback_hours (contract.json), or more"
    )
    parser.add_argument("--as-of", metavar="TIME", help="what counts as now: ISO 8601, UTC where no zone is given")
    parser.add_argument("--model", default=MODEL_FILE, metavar="FILE", help=f"a model of this folder (default: {MODEL_FILE})")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help=f"of ONNX Runtime, 1 to {cores} (default: 1)")
    parser.add_argument("--features", type=Path, metavar="FILE.csv", help="write the features of every reading there")
    parser.add_argument(
        "--digest",
        default=os.environ.get(DIGEST_VARIABLE) or None,
        metavar="SHA256",
        help=f"refuse a folder with another digest than the one that its export told (default: {DIGEST_VARIABLE}, else none)",
    )
    chosen = parser.parse_args(arguments)
    now_us = time.time_ns() // 1000
    as_of_us = now_us if chosen.as_of is None else parse_time(chosen.as_of.strip())
    if as_of_us == NEVER:
        parser.error(f"--as-of: {chosen.as_of!r} is no ISO 8601 time such as 2026-03-09T05:50:00")
    if not 1 <= chosen.threads <= cores:
        parser.error(f"--threads must be from 1 to {cores}, the cores of this machine")
    try:
        if chosen.digest is not None:
            require_digest(folder, chosen.digest)
        document = run(
            chosen.readings,
            folder,
            as_of_us=as_of_us,
            now_us=now_us,
            model=chosen.model,
            threads=chosen.threads,
            features_file=chosen.features,
        )
    except EdgeInputError as refusal:
        sys.stderr.write(f"run.py: {plain_text(' '.join(str(refusal).split()))}\n")
        return 1
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
