"""Runs commands: in this process, which has Spark and TensorFlow up already, or as a user does, in a process of their own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.lent_spark import LENT_SPARK

ResultT = TypeVar("ResultT")

ALTAVIZ = Path(sys.executable).with_name("altaviz")
SOME_REFUSED = 3  # exit code: done, but some files were refused
COMMAND_LIMIT_S = 900  # a command that hangs; a busy machine is not
_LEFT_BY_MLFLOW = {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID"}

Done = subprocess.CompletedProcess[str]


def altaviz(*arguments: str | Path, home: Path, **environment: str) -> Done:
    """Run one command to its end in this process, by the console script's own function, and leave the process as it was.

    The service goes to a process of its own.
    """
    if arguments[0] == "serve":
        return altaviz_process(*arguments, home=home, **environment)
    from pipelines.cli import main

    command = _command(*arguments, home=home)
    with as_a_command(environment), _captured() as (out, err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        patch.setattr(sys.modules["__main__"], "__package__", None)  # or messages of wrong use name `python -m pytest`
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
        printed = [_read(stream) for stream in (out, err)]
    return Done(command, code, *printed)


@contextmanager
def _captured() -> Iterator[tuple[IO[str], IO[str]]]:
    """All that this process writes to stdout and stderr, also what native code writes to the descriptors."""
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        for stream, descriptor in ((out, 1), (err, 2)):
            os.dup2(stream.fileno(), descriptor)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                yield out, err
        finally:
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def _read(stream: IO[str]) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def as_a_command(environment: Mapping[str, str]) -> Iterator[None]:
    """This process as a command's: with `environment`, private files, no warnings, and the one Spark session. Afterwards all is as it was."""
    before, folder = surroundings({}), Path.cwd()
    structured, options = structlog.is_configured(), structlog.get_config()
    loggers = [logging.getLogger(name) for name in ("altaviz", "mlflow", "alembic")]
    kept = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    mask = os.umask(0o077)
    os.environ.clear()
    os.environ.update(before | environment)
    try:
        with warnings.catch_warnings(), LENT_SPARK.lending():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, handlers, level, propagate in kept:
            for handler in set(logger.handlers) - set(handlers):
                handler.close()
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
        structlog.reset_defaults()
        if structured:
            structlog.configure(**options)
        _forget_tracking()
        os.umask(mask)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


def _forget_tracking() -> None:
    """The store that a command pointed MLflow at is not the next one's."""
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)


def altaviz_process(*arguments: str | Path, home: Path, **environment: str) -> Done:
    """Run one command to its end in a process of its own."""
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


def report_of(*arguments: str | Path, home: Path, code: int = 0, run: Callable[..., Done] = altaviz, **environment: str) -> dict[str, Any]:
    """The JSON document of a command that must end well, or with SOME_REFUSED."""
    done = run(*arguments, "--json", home=home, **environment)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def refusal_of(*arguments: str | Path, home: Path, run: Callable[..., Done] = altaviz, **environment: str) -> str:
    """The one line of a command that must fail with exit code 1 and nothing else to say."""
    done = run(*arguments, home=home, **environment)
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
    return {name: value for name, value in os.environ.items() if name not in _LEFT_BY_MLFLOW} | dict(environment)


def _command(*arguments: str | Path, home: Path) -> list[str]:
    return [str(ALTAVIZ), *map(str, arguments), "--home", str(home)]
