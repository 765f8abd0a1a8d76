"""Sets up Java, the Delta jars and the archive of Spark's classes: a part of `make setup`.

The jars go beside Spark's own, so that a later start needs no network. Later starts map the archive (JVM class data sharing, 190 MiB) into
memory. That is six seconds faster than loading and checking eighteen thousand classes. Run as `python -m pipelines.runtime.setup`; a second
run costs nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.errors import AltavizError, EnvironmentSetupError
from pipelines.runtime.class_archive import archive_classes
from pipelines.runtime.jars import fetch_delta_jars
from pipelines.runtime.java import SUPPORTED_JAVA, find_java


def ensure_java() -> Path:
    """Return a Java home that Spark can use. As root, install Debian's package if there is none.

    Raises EnvironmentSetupError that names what to install.
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


def main() -> int:
    """Exit code 0 if Java and the jars are there, else 1 with one line. A missing archive only makes Spark start more slowly."""
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
