"""Makes and finds the archive of classes from which Spark's JVM starts (class data sharing)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from config.errors import EnvironmentSetupError
from pipelines.runtime.jars import put_jar, spark_jars_dir

_WARM_UP_S = 600  # a JVM that has not ended by then hangs


def class_archive(java_home: Path) -> Path | None:
    """The archive of Spark's classes for this Java and these jars; None if there is no complete one.

    A JVM uses only an archive made for itself and its jars. The file name holds a hash of both, and the size.
    """
    for archive in spark_jars_dir().parent.glob(f"{_made_for(java_home)}-*.jsa"):
        if archive.stem.rpartition("-")[2] == str(archive.stat().st_size):
            return archive
    return None


def archive_classes(java_home: Path) -> Path:
    """Make the archive if it is missing.

    An archive for another Java or other jars is removed. Raises EnvironmentSetupError where it cannot be made.
    """
    archive = class_archive(java_home)
    if archive is not None:
        return archive
    sys.stderr.write("archiving the classes that Spark loads ...\n")
    folder = spark_jars_dir().parent
    try:
        with tempfile.TemporaryDirectory(prefix="altaviz-") as name:
            made = Path(name) / "classes.jsa"
            _warm_up(java_home, Path(name), made)
            archive = folder / f"{_made_for(java_home)}-{made.stat().st_size}.jsa"
            put_jar(made, archive)
        for other in folder.glob("altaviz-*.jsa"):
            if other != archive:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentSetupError(
            f"the archive of Spark's classes cannot be written ({error}): make its folder writable, and free disk space"
        ) from error
    return archive


def _made_for(java_home: Path) -> str:
    """The name of an archive without its size. The JVM also compares the paths and times of the jars."""
    java, jars = java_home.resolve(), spark_jars_dir()
    release = java / "release"
    origins = [str(java), release.read_text(encoding="utf-8", errors="replace") if release.is_file() else "", str(jars)]
    for jar in sorted(jars.glob("*.jar")):
        known = jar.stat()
        origins.append(f"{jar.name} {known.st_size} {known.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(origins).encode()).hexdigest()
    return f"altaviz-{digest[:16]}"


def _warm_up(java_home: Path, scratch: Path, made: Path) -> None:
    """Run the medallion in a JVM that writes `made` when it exits. Raises EnvironmentSetupError with the last output if there is none."""
    command = [sys.executable, "-m", "pipelines.lakehouse.spark_warm_up", str(scratch), str(made)]
    # its own process group, so that its JVM can be killed with it
    with subprocess.Popen(
        command,
        env={**os.environ, "JAVA_HOME": str(java_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=_WARM_UP_S)
        except subprocess.TimeoutExpired:
            output = f"still running after {_WARM_UP_S} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == 0 and made.is_file():
        return
    log = scratch / "logs" / "spark.log"
    jvm_log = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    last = [text.strip().splitlines()[-1] for text in (output if process.returncode else "", jvm_log) if text.strip()]
    raise EnvironmentSetupError(
        f"`python -m pipelines.lakehouse.spark_warm_up` left no archive of Spark's classes: {'; the JVM: '.join(last) or 'no output'}"
    )
