"""What the demo prints when it is done, without the demo itself."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from tests.folders import TemporaryDirectory

COMMANDS = ("dashboard", "serve", "monitor --as-of 2026-03-08T00:00:00", "run --as-of 2026-03-08T00:00:00", "experiments", "status")
PAGES = "The planner's pages: `altaviz dashboard` shows them on http://127.0.0.1:8501"


def demo_of_no_compressor(*_: object) -> dict[str, Any]:
    rows = dict.fromkeys(("bronze_rows", "silver_rows", "gold_rows", "pending_rows"), 0)
    books = {**rows, "rejected_rows": {}, "nulled_values": {}, "rejected_files": {}, "seconds": 0.0}
    moment = datetime(2026, 3, 8, tzinfo=UTC)
    return {"books": books, "training": None, "as_of": moment, "model_version": "1", "predictions": [], "seconds": 0.0}


def next_commands(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["demo", *arguments])
    assert done.exit_code == 0, done.output
    return [line.strip() for line in done.output.partition("Next:")[2].splitlines() if line.strip()]


def test_the_next_commands_name_the_home_only_when_they_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipelines.demo", SimpleNamespace(demo=demo_of_no_compressor))  # type: ignore[misc]
    # the log of this process must not follow into a home that is gone after this test
    monkeypatch.setattr("pipelines.commands.options.set_up_logs", lambda *_, **__: None)
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder) / "home"
        assert next_commands("--home", str(home)) == [*(f".venv/bin/altaviz {command} --home {home}" for command in COMMANDS), PAGES]
        monkeypatch.setenv("ALTAVIZ_HOME", str(home))
        assert next_commands() == [*(f".venv/bin/altaviz {command}" for command in COMMANDS), PAGES]
