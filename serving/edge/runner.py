"""Predicts the remaining life of compressors from their raw readings, beside the machine.

    python run.py readings.csv                           one JSON document: a prediction per compressor, most urgent first
    python run.py readings.csv --as-of 2026-03-09T05:50  predict as it was then
    python run.py readings.csv --features features.csv   also write the 24 features of every reading that was kept
    python run.py readings.csv --digest 4f0c...          refuse a folder with another digest

Readings are CSV with the columns compressor_id, timestamp (UTC), the six sensors and operating_hours. Of two readings of one compressor and
time, the last counts. Units, limits and rules are in contract.json.

Exit codes: 0 done; 1 refused, with one line on stderr and nothing written; 2 wrong arguments.
"""

# The archive run.py holds this module and all that it imports (pipelines/edge/archive.py).
# So imports reach only the standard library, numpy, onnxruntime, and modules that keep to them.

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from config.plain_text import plain_text
from features.contract import FEATURE_SET_VERSION
from features.rolling import MICROSECONDS_PER_HOUR
from serving.edge.contract import CONTRACT_FILE, MODEL_FILE, EdgeInputError, load_contract, require_digest
from serving.edge.features_file import require_unread, write_features
from serving.edge.gold_features import gold_features, hourly_steps, judge_values, keep_rows
from serving.edge.model import SiteWindows, faults_by_unit, open_model, predict
from serving.edge.readings import NEVER, iso_time, parse_time, read_files

DIGEST_VARIABLE: Final = "ALTAVIZ_EDGE_DIGEST"  # in place of --digest
_STAGES: Final = ("read", "features", "open_model", "predict")


@dataclass(frozen=True)
class EdgeRequest:
    """One run of the program: its input, its moment, its output."""

    readings: Sequence[Path]
    as_of_us: int  # microseconds since 1970, UTC
    now_us: int
    model: str = MODEL_FILE
    threads: int = 1
    features_file: Path | None = None


def run(job: EdgeRequest, program: Path) -> dict[str, Any]:
    """From files to the document that is printed. The exported folder is that of `program`, run.py. Raises EdgeInputError."""
    folder, as_of_us = program.parent, job.as_of_us
    clock = [time.perf_counter()]
    if job.features_file is not None:
        require_unread(job.features_file, (*job.readings, folder / CONTRACT_FILE, folder / job.model, program))
    contract = load_contract(folder)
    compressor_ids = sorted(contract["compressors"])
    raw = read_files(job.readings, compressor_ids)
    clock.append(time.perf_counter())
    skew_us, earliest_us = round(contract["clock_skew_minutes"] * 60e6), parse_time(contract["earliest"])
    rows, rejected = keep_rows(raw, max(job.now_us, as_of_us), skew_us, earliest_us)
    rows = rows.take(rows.time_us <= as_of_us)
    if not len(rows.unit):
        raise EdgeInputError(f"no usable reading at or before {iso_time(as_of_us)}: choose a later --as-of")
    if job.features_file is None:  # older readings reach no step of the window
        rows = rows.take(rows.time_us > as_of_us - round(contract["lookback_hours"] * MICROSECONDS_PER_HOUR))
    rows, nulled, found = judge_values(rows, contract)
    features = gold_features(rows, contract, folder)
    steps, last_reading = hourly_steps(rows, features, as_of_us, len(compressor_ids))
    clock.append(time.perf_counter())
    session = open_model(folder / job.model, contract, job.threads)
    clock.append(time.perf_counter())
    faults = faults_by_unit(rows, found, last_reading, as_of_us)
    predictions = predict(session, SiteWindows(compressor_ids, as_of_us, steps, last_reading, faults), contract)
    clock.append(time.perf_counter())
    if job.features_file is not None:
        write_features(job.features_file, rows, features, compressor_ids)
    return {
        "model_version": contract["model"]["version"],
        "model": job.model,
        "feature_set_version": FEATURE_SET_VERSION,
        "as_of": iso_time(as_of_us),
        "readings": {"read": len(raw.unit), "used": len(rows.unit), "rejected_rows": rejected, "nulled_values": nulled},
        "predictions": predictions,
        "milliseconds": dict(zip(_STAGES, [round(span, 2) for span in (np.diff(clock) * 1000).tolist()], strict=True)),
    }


def main(program: Path, arguments: Sequence[str] | None = None) -> int:
    """Read the command line, print the document, return the exit code."""
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(prog="run.py", description="Remaining life of compressors from their raw readings.")
    parser.add_argument(
        "readings", nargs="+", type=Path, metavar="FILE.csv", help="readings of the last lookback_hours (contract.json), or more"
    )
    parser.add_argument("--as-of", metavar="TIME", help="the moment to predict for: ISO 8601, UTC without a zone (default: now)")
    parser.add_argument("--model", default=MODEL_FILE, metavar="FILE", help=f"a model of this folder (default: {MODEL_FILE})")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help=f"threads of ONNX Runtime, 1 to {cores} (default: 1)")
    parser.add_argument("--features", type=Path, metavar="FILE.csv", help="write the features of every reading to this file")
    parser.add_argument(
        "--digest",
        default=os.environ.get(DIGEST_VARIABLE) or None,
        metavar="SHA256",
        help=f"refuse a folder with another digest; the export prints it (default: {DIGEST_VARIABLE}, else no check)",
    )
    chosen = parser.parse_args(arguments)
    now_us = time.time_ns() // 1000
    as_of_us = now_us if chosen.as_of is None else parse_time(chosen.as_of.strip())
    if as_of_us == NEVER:
        parser.error(f"--as-of: {chosen.as_of!r} is not an ISO 8601 time such as 2026-03-09T05:50:00")
    if not 1 <= chosen.threads <= cores:
        parser.error(f"--threads must be from 1 to {cores}, the cores of this machine")
    try:
        if chosen.digest is not None:
            require_digest(program.parent, chosen.digest)
        document = run(EdgeRequest(chosen.readings, as_of_us, now_us, chosen.model, chosen.threads, chosen.features), program)
    except EdgeInputError as refusal:
        sys.stderr.write(f"run.py: {plain_text(' '.join(str(refusal).split()))}\n")
        return 1
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 0
