"""A command that runs in the tests' own process does what the console script does, and leaves nothing behind."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import mlflow
import pytest
import structlog

from tests.pipelines.console_script import altaviz, altaviz_process

SIMULATE = ("simulate", "--profile", "demo", "--compressors", "2", "--days", "1", "--json")


def _process() -> dict[str, Any]:
    """What a command might change."""
    mask = os.umask(0o022)
    os.umask(mask)
    log = logging.getLogger("altaviz")
    return {
        "mask": mask,
        "environment": dict(os.environ),
        "arguments": list(sys.argv),
        "folder": Path.cwd(),
        "streams": (sys.stdout, sys.stderr),
        "log": (list(log.handlers), log.level, log.propagate),
        "structlog": (structlog.is_configured(), structlog.get_config()),
        "warnings": list(warnings.filters),
        "tracking": mlflow.get_tracking_uri(),
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("simulate", "--days", "none"), 2),
        (("features", "--as-of", "yesterday"), 2),
        (("ingest", "nowhere"), 1),
        (("ingest", "nowhere", "--json"), 1),
    ],
)
def test_a_command_answers_as_the_console_script_does(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    here, apart = (run(*arguments, home=tmp_path) for run in (altaviz, altaviz_process))
    assert (here.returncode, here.stdout, here.stderr) == (apart.returncode, apart.stdout, apart.stderr)
    assert here.returncode == code


def test_files_and_log_lines_are_those_of_the_console_script(tmp_path: Path) -> None:
    for name, run in (("here", altaviz), ("apart", altaviz_process)):
        done = run(*SIMULATE, "--out", tmp_path / name / "site", home=tmp_path / name / "home", TZ="UTC")
        assert json.loads(done.stdout)["rows"] == 2 * 144
        (line,) = done.stderr.splitlines()
        assert json.loads(line)["stage"] == "simulate"
        assert (tmp_path / name / "home" / "logs" / "altaviz.log").read_text(encoding="utf-8") == f"{line}\n"
    modes = [
        {file.relative_to(tmp_path / name): file.stat().st_mode for file in (tmp_path / name).rglob("*")} for name in ("here", "apart")
    ]
    assert modes[0] == modes[1]


def test_the_process_is_afterwards_what_it_was(tmp_path: Path) -> None:
    before = _process()
    assert altaviz(*SIMULATE, "--out", tmp_path / "site", home=tmp_path / "home", ALTAVIZ_API_KEY="x" * 40).returncode == 0
    assert _process() == before
