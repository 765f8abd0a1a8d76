"""Finds a Java for Spark 4: in JAVA_HOME, then PATH, then the usual folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.errors import EnvironmentSetupError

SUPPORTED_JAVA = (17, 21)


def find_java() -> Path:
    """Return the home of a supported Java.

    Raises EnvironmentSetupError naming what was found and what to install.
    """
    seen: list[str] = []
    for home, origin in _candidates():
        version = java_version(home)
        if version in SUPPORTED_JAVA:
            return home
        seen.append(f"{origin}: {'no working java' if version is None else f'Java {version}'}")
    found = "; ".join(seen) or "none found"
    raise EnvironmentSetupError(f"Spark needs Java 17 or 21 ({found}): install openjdk-17-jre-headless or set JAVA_HOME")


def java_version(home: Path) -> int | None:
    """The major version of the Java under `home` (17 for 17.0.15); None if it does not run."""
    release = home / "release"
    if release.is_file() and (home / "bin" / "java").exists():
        match = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if match:
            return int(match[1])
    try:
        done = subprocess.run([str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else None


def _candidates() -> Iterator[tuple[Path, str]]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"]), "JAVA_HOME"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parent.parent, "PATH"
    for version in SUPPORTED_JAVA:
        for home in sorted(Path("/usr/lib/jvm").glob(f"*{version}*")):
            yield home, str(home)
