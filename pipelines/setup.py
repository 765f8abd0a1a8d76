"""What `make setup` does beyond Python packages: find or install Java, fetch the Delta jars, and archive the classes that Spark loads, each once.

The jars go next to Spark's own, so a later Spark start needs no network and no package resolution. The archive (the JVM's class data sharing, 190 MiB)
is mapped into memory by every later start, which takes six seconds less than loading and checking eighteen thousand classes.
Run as `python -m pipelines.setup`; doing it again costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from config.errors import AltavizError, EnvironmentSetupError
from pipelines.java import SUPPORTED_JAVA, find_java

DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
DELTA_GROUPS = ("io.delta_", "io.unitycatalog_")
# SHA-256 of every jar that belongs to DELTA_PACKAGE. After another version of it: `sha256sum` of the jars beside Spark's.
DELTA_SHA256 = {
    "io.delta_delta-kernel-api-4.4.0.jar": "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    "io.delta_delta-kernel-defaults-4.4.0.jar": "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    "io.delta_delta-kernel-unitycatalog-4.4.0.jar": "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    "io.delta_delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "io.delta_delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    "io.unitycatalog_unitycatalog-client-0.6.0.jar": "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    "io.unitycatalog_unitycatalog-hadoop-0.6.0.jar": "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
}
# Spark ships these itself: fetching them again would only cost time.
SHIPPED_WITH_SPARK = (
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.parquet:parquet-hadoop",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "org.locationtech.jts:jts-core",
    "org.roaringbitmap:RoaringBitmap",
)
_WARM_UP_S = 600  # a JVM that has not ended by then hangs


def spark_jars_dir() -> Path:
    """The directory whose jars Spark loads at every start. Raises EnvironmentSetupError without pyspark."""
    try:
        import pyspark
    except ImportError as error:
        raise EnvironmentSetupError("pyspark is not installed: run `make setup`, or install the extra `features`") from error
    return Path(pyspark.__file__).parent / "jars"


def delta_jars() -> list[Path]:
    """The Delta jars that are in place; empty before `make setup`."""
    return sorted(path for group in DELTA_GROUPS for path in spark_jars_dir().glob(f"{group}*.jar"))


def ensure_java() -> Path:
    """Return a Java home that Spark can use, installing Debian's package where that is allowed.

    Raises EnvironmentSetupError that says what to install.
    """
    try:
        return find_java()
    except EnvironmentSetupError:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
    sys.stderr.write("installing Java 17 from the distribution's packages ...\n")
    package = f"openjdk-{SUPPORTED_JAVA[0]}-jre-headless"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EnvironmentSetupError(
                f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1:]}; install Java 17 or 21 by hand"
            )
    return find_java()


def fetch_delta_jars(java_home: Path) -> list[Path]:
    """Resolve the Delta package once with Spark's own resolver and copy its jars beside Spark's.

    Raises EnvironmentSetupError when the package registry cannot be reached, or a jar, fetched now or earlier, is not the pinned one.
    """
    present = delta_jars()
    require_pinned(present)
    if len(present) == len(DELTA_SHA256):
        return present
    sys.stderr.write("fetching the Delta jars ...\n")
    submit = spark_jars_dir().with_name("bin") / "spark-submit"
    with tempfile.TemporaryDirectory() as scratch:
        nothing = Path(scratch) / "nothing.py"
        nothing.write_text("")
        command = [
            str(submit),
            "--master=local[1]",
            f"--packages={DELTA_PACKAGE}",
            f"--exclude-packages={','.join(SHIPPED_WITH_SPARK)}",
            f"--conf=spark.jars.ivy={scratch}/ivy",
            str(nothing),
        ]
        environment = {**os.environ, "JAVA_HOME": str(java_home), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        fetched = [path for group in DELTA_GROUPS for path in (Path(scratch) / "ivy" / "jars").glob(f"{group}*.jar")]
        if done.returncode != 0 or not fetched:
            log = (done.stderr + done.stdout).strip().splitlines()
            raise EnvironmentSetupError(
                f"cannot fetch {DELTA_PACKAGE}: {log[-1] if log else 'no output'}; check the network and run `make setup` again"
            )
        require_pinned(fetched)  # all of them, before the first is where Spark looks
        missing = sorted(DELTA_SHA256.keys() - {path.name for path in fetched})
        if missing:
            raise EnvironmentSetupError(
                f"{DELTA_PACKAGE} came without {', '.join(missing)}: check where packages come from, and run `make setup` again"
            )
        for path in fetched:
            _put(path, spark_jars_dir() / path.name)
    return delta_jars()


def require_pinned(jars: list[Path]) -> None:
    """Raise EnvironmentSetupError when one of `jars` is not in DELTA_SHA256 or has other bytes."""
    for path in sorted(jars):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = DELTA_SHA256.get(path.name)
        if found != expected:
            why = f"SHA-256 {found}, expected {expected}" if expected else f"{DELTA_PACKAGE} has no such file"
            raise EnvironmentSetupError(
                f"{path} is not the pinned jar ({why}): delete it, check where packages come from, and run `make setup` again"
            )


def _put(source: Path, target: Path) -> None:
    """Copy aside, then rename: a set-up that is killed, or another one at the same time, leaves no half file under this name."""
    with tempfile.TemporaryDirectory(prefix=".altaviz-", dir=target.parent) as aside:
        copied = Path(aside) / target.name
        shutil.copy2(source, copied)
        with copied.open("rb") as file:
            os.fsync(file.fileno())
        copied.replace(target)


def class_archive(java_home: Path) -> Path | None:
    """The archive of Spark's classes for this Java and these jars, None where there is none that is whole.

    A JVM maps no archive of another one or of other jars; its name says what it was made for, and how long it is.
    """
    for archive in spark_jars_dir().parent.glob(f"{_made_for(java_home)}-*.jsa"):
        if archive.stem.rpartition("-")[2] == str(archive.stat().st_size):
            return archive
    return None


def archive_classes(java_home: Path) -> Path:
    """Make the archive unless it is there; one for another Java or other jars goes. Raises EnvironmentSetupError where it cannot be made."""
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
            _put(made, archive)
        for other in folder.glob("altaviz-*.jsa"):
            if other != archive:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentSetupError(f"the archive of Spark's classes cannot be written: {error}") from error
    return archive


def _made_for(java_home: Path) -> str:
    """The name of an archive, less its size: the JVM compares where and when its jars came, too."""
    java, jars = java_home.resolve(), spark_jars_dir()
    release = java / "release"
    origins = [str(java), release.read_text(encoding="utf-8", errors="replace") if release.is_file() else "", str(jars)]
    for jar in sorted(jars.glob("*.jar")):
        known = jar.stat()
        origins.append(f"{jar.name} {known.st_size} {known.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(origins).encode()).hexdigest()
    return f"altaviz-{digest[:16]}"


def _warm_up(java_home: Path, scratch: Path, made: Path) -> None:
    """Run the medallion in a JVM that leaves `made` as it ends. Raises EnvironmentSetupError with the last that was said when there is none."""
    command = [sys.executable, "-m", "pipelines.warm_up", str(scratch), str(made)]
    # a group of its own: whatever becomes of this process, no JVM of it is left to write later
    with subprocess.Popen(
        command,
        env={**os.environ, "JAVA_HOME": str(java_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=_WARM_UP_S)
        except subprocess.TimeoutExpired:
            said = f"no end after {_WARM_UP_S} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == 0 and made.is_file():
        return
    log = scratch / "logs" / "spark.log"
    of_jvm = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    last = [text.strip().splitlines()[-1] for text in (said if process.returncode else "", of_jvm) if text.strip()]
    raise EnvironmentSetupError(
        f"`python -m pipelines.warm_up` left no archive of Spark's classes: {'; the JVM: '.join(last) or 'nothing was said'}"
    )


def main() -> int:
    """Exit 0 when Java and the jars are in place, 1 with one line that says what is missing; without the archive Spark only starts more slowly."""
    try:
        java_home = ensure_java()
        jars = fetch_delta_jars(java_home)
    except AltavizError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    try:
        archive_classes(java_home)
        archived = "archived"
    except AltavizError as error:
        sys.stderr.write(f"setup: Spark will start more slowly: {error}\n")
        archived = "not archived"
    sys.stderr.write(f"Java: {java_home}; Delta jars: {len(jars)}; classes: {archived}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
