"""Runs the console script as a user does, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

ResultT = TypeVar("ResultT")

ALTAVIZ = Path(sys.executable).with_name("altaviz")
SOME_REFUSED = 3  # exit code: done, but some files were refused
COMMAND_LIMIT_S = 900  # a command that hangs; a busy machine is not


def altaviz(*arguments: str | Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        _command(*arguments, home=home),
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_LIMIT_S,
        env=surroundings(environment),
    )


def eventually(look: Callable[[], ResultT], limit_s: float) -> ResultT:
    """What `look` returns as soon as it raises no AssertionError any more, looked at again and again; its own error after `limit_s`."""
    patience = Retrying(stop=stop_after_delay(limit_s), wait=wait_fixed(0.05), retry=retry_if_exception_type(AssertionError), reraise=True)
    return patience(look)


def report_of(*arguments: str | Path, home: Path, code: int = 0, **environment: str) -> dict[str, Any]:
    """The JSON document of a command that must end well, or with SOME_REFUSED."""
    done = altaviz(*arguments, "--json", home=home, **environment)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def refusal_of(*arguments: str | Path, home: Path, **environment: str) -> str:
    """The one line of a command that must fail with exit code 1 and nothing else to say."""
    done = altaviz(*arguments, home=home, **environment)
    printed = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # log lines are JSON
    assert (done.returncode, done.stdout, len(printed)) == (1, "", 1), done.stderr
    assert "Traceback" not in done.stderr
    assert printed[0].startswith("altaviz: ")
    return printed[0].removeprefix("altaviz: ")


def kill_after(seconds: float, *arguments: str | Path, home: Path, **environment: str) -> bool:
    """Start a command and, when it still runs after `seconds`, kill it with every process it started; whether it was killed."""
    process = subprocess.Popen(
        _command(*arguments, home=home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=surroundings(environment),
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: this one's with `environment`, less the store that MLflow was last pointed at, which it leaves in there."""
    return {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | dict(environment)


def _command(*arguments: str | Path, home: Path) -> list[str]:
    return [str(ALTAVIZ), *map(str, arguments), "--home", str(home)]
