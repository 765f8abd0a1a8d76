"""An exported folder: its contract.json, the digest of its files, and the error for unusable input."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Final

from features.contract import FEATURE_SET_VERSION, FEATURES, RUN_SENSORS, SENSORS, STATUS_FEATURES
from features.sensor_health.settings import BANDS

CONTRACT_FILE: Final = "contract.json"
MODEL_FILE: Final = "model.onnx"
ZONE_FOLDER: Final = "zoneinfo"
SUMS_FILE: Final = "SHA256SUMS"  # lists all other files, as sha256sum does
DEFAULT_LIMITS: Final = "default"  # limits of a model that is not listed

Contract = dict[str, Any]

_EACH: Final = "*"  # any name
_TEXT: Final = (str,)
_WHOLE: Final = (int,)
_NUMBER: Final = (int, float)
_LIMITS: Final = {sensor: dict.fromkeys(("warning", "critical"), (*_NUMBER, NoneType)) for sensor in STATUS_FEATURES.values()}
# What run.py reads. A dict names the required parts, a list the shape of each item, a tuple the types of a value.
_SHAPE: Final[dict[str, Any]] = {
    "model": {"version": _TEXT, "files": {_EACH: {"sha256": _TEXT}}},
    "feature_set_version": _TEXT,
    "features": [{"name": _TEXT}],
    "labels": {"max_rul_days": _NUMBER, "horizon_days": _NUMBER},
    "sensors": {sensor: {"physical": {"low": _NUMBER, "high": _NUMBER}, "direction": _TEXT} for sensor in SENSORS},
    "limits": {DEFAULT_LIMITS: _LIMITS, _EACH: _LIMITS},
    "window": {"min_steps": _WHOLE, "stale_after_hours": _NUMBER},
    "spike_rule": {
        **dict.fromkeys(("robust_sigma", "spread_hours", "min_sigma_fraction"), _NUMBER),
        **dict.fromkeys(("level_readings", "spread_readings", "min_readings"), _WHOLE),
    },
    "sensor_health": {
        **dict.fromkeys(("settle_hours", "report_hours", "frozen_hours", "dead_link_hours", "missing_hours"), _NUMBER),
        **dict.fromkeys(("least_jump", "jump_tolerance"), _NUMBER),
        **dict.fromkeys(("report_readings", "frozen_readings", "recovery_readings", "level_readings", "least_level_readings"), _WHOLE),
        "runs_above": dict.fromkeys(RUN_SENSORS, _NUMBER),
        "sensors": {sensor: dict.fromkeys(BANDS, _NUMBER) for sensor in SENSORS},
    },
    "delta_tolerance_s": _NUMBER,
    "clock_skew_minutes": _NUMBER,
    "earliest": _TEXT,
    "lookback_hours": _NUMBER,
    "health": {"warning": _NUMBER, "critical": _NUMBER},
    "compressors": {_EACH: {"model": (*_TEXT, NoneType), "time_zone": _TEXT}},
}


class EdgeInputError(Exception):
    """The input cannot be used. The message is one line for the user."""


def load_contract(folder: Path) -> Contract:
    """The contract.json of `folder`. Raises EdgeInputError when it is missing, incomplete, or describes other features than this program."""
    path = folder / CONTRACT_FILE
    try:
        contract: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EdgeInputError(f"{path} cannot be read: export the folder again") from error
    misfit = next(_misfits(contract, _SHAPE, ""), None)
    if misfit is not None:
        raise EdgeInputError(f"{path}: {misfit or 'the document'} is missing or has another type: export the folder again")
    if (contract["feature_set_version"], [item["name"] for item in contract["features"]]) != (FEATURE_SET_VERSION, list(FEATURES)):
        raise EdgeInputError(f"{path} is of another feature set than run.py (version {FEATURE_SET_VERSION}): export the folder again")
    found: Contract = contract
    return found


def folder_sums(folder: Path) -> str:
    """The text of SHA256SUMS: a line per file of `folder`, by name. Raises OSError."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{_sha256(folder / name)}  {name}\n" for name in files if name != SUMS_FILE)


def require_digest(folder: Path, expected: str) -> None:
    """Raise EdgeInputError unless the SHA-256 of SHA256SUMS is `expected` and every listed file has its digest."""
    sums = folder / SUMS_FILE
    try:
        found, lines = _sha256(sums), sums.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise EdgeInputError(f"{sums} cannot be read: copy the folder again") from error
    if found != expected.strip().lower():
        raise EdgeInputError(
            f"{folder} is not the folder of --digest: its digest is {found}. Copy it again, or ask for the digest of its export"
        )
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            same = _sha256(folder / name) == digest
        except OSError:
            same = False
        if not same:
            raise EdgeInputError(f"{folder / name} is not the file that was exported: copy the folder again")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _misfits(value: Any, shape: Any, name: str) -> Iterator[str]:
    """Names of the parts of `value` that do not fit `shape`, in the order of the shape."""
    if isinstance(shape, tuple):
        if not isinstance(value, shape) or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
            yield name
    elif not isinstance(value, type(shape)):
        yield name
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from _misfits(item, shape[0], f"{name}[{number}]")
    else:
        for key, inner in shape.items():
            for own in value if key == _EACH else (key,):
                yield from _misfits(value.get(own, ...), inner, f"{name}.{own}".removeprefix("."))
