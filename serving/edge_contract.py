"""contract.json of an exported folder: what run.py reads of it, and the refusal of what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from features.contract import FEATURE_SET_VERSION, FEATURES

CONTRACT_FILE: Final = "contract.json"
MODEL_FILE: Final = "model.onnx"
ZONE_FOLDER: Final = "zoneinfo"
DEFAULT_LIMITS: Final = "default"  # of a compressor whose model is not listed

Contract = dict[str, Any]


class Refusal(Exception):  # noqa: N818 - what is wrong with what was handed over, in one line
    """The input cannot be used."""


def load_contract(folder: Path) -> Contract:
    """contract.json of `folder`. Raises Refusal when it is not there or describes other features than this file computes."""
    path = folder / CONTRACT_FILE
    try:
        contract: Contract = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} cannot be read: export the folder again") from error
    if (contract["feature_set_version"], [item["name"] for item in contract["features"]]) != (FEATURE_SET_VERSION, list(FEATURES)):
        raise Refusal(f"{path} is of another feature set than run.py (version {FEATURE_SET_VERSION}): export the folder again")
    return contract
