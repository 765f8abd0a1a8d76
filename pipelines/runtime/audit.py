"""Checks the packages in requirements.lock for known vulnerabilities: `make audit`. audit.yaml lists accepted ones, each with a reason.

pip-audit alone exits with 0 if it finds no package in its database. Here a package that could not be looked up fails the audit.
Run as `python -m pipelines.runtime.audit`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from config.errors import AltavizError, EnvironmentSetupError
from config.loader import Section, load_section

ACCEPTED_FILE: Final = Path(__file__).with_name("audit.yaml")
LOCK: Final = Path(__file__).parents[2] / "requirements.lock"
_MOST_NAMED: Final = 3  # packages that could not be looked up


class Accepted(Section):
    """One vulnerability of one package that does not fail the audit until `look_again`."""

    id: str = Field(min_length=1)  # as the audit prints it, or one of its other names: CVE-, GHSA-, PYSEC-
    package: str = Field(min_length=1)
    reason: str = Field(min_length=20)  # why it does no harm here
    look_again: date  # from this day on the audit fails


class AcceptedList(Section):
    """All of audit.yaml."""

    accepted: list[Accepted]


@dataclass(frozen=True)
class AuditResult:
    """The result for `packages` packages: lines for what must be fixed, and for what is accepted."""

    packages: int
    failed: list[str]
    stays: list[str]


def judge(found: Sequence[dict[str, Any]], accepted: Sequence[Accepted], today: date) -> AuditResult:
    """The verdict on pip-audit's `dependencies`. Raises EnvironmentSetupError when packages could not be looked up."""
    unknown = [item["name"] for item in found if "skip_reason" in item]
    if unknown or not found:
        named = f" ({', '.join(unknown[:_MOST_NAMED])}, ...)" if unknown else ""
        raise EnvironmentSetupError(
            f"{len(unknown)} of {len(found)} packages could not be looked up{named}, so the audit is incomplete. "
            "Run it where the vulnerability database can be reached"
        )
    failed: list[str] = []
    stays: list[str] = []
    used: set[str] = set()
    for item in found:
        for vulnerability in item["vulns"]:
            names = {vulnerability["id"], *vulnerability["aliases"]}
            rule = next((rule for rule in accepted if rule.package == item["name"] and rule.id in names), None)
            what = f"{item['name']} {item['version']}: {vulnerability['id']}"
            if rule is None:
                fixed = ", ".join(vulnerability["fix_versions"])
                failed.append(
                    f"{what}: {f'update to {fixed}' if fixed else 'no version fixes it'}, or accept it in pipelines/runtime/audit.yaml"
                )
                continue
            used.add(rule.id)
            if today >= rule.look_again:
                failed.append(f"{what}: was accepted until {rule.look_again}: review it in pipelines/runtime/audit.yaml")
            else:
                stays.append(f"{what} stays until {rule.look_again}: {rule.reason}")
    stays += [
        f"{rule.package}: {rule.id} is no longer found: remove it from pipelines/runtime/audit.yaml"
        for rule in accepted
        if rule.id not in used
    ]
    return AuditResult(len(found), failed, stays)


def look_up(lock: Path) -> list[dict[str, Any]]:
    """Run pip-audit on every package of `lock`. Raises EnvironmentSetupError if it fails."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip", "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EnvironmentSetupError(f"nothing was audited, pip-audit failed: {last}") from error
    return found


def main(lock: Path = LOCK, today: date | None = None) -> int:
    """Exit code 0 if nothing must be fixed. Else 1, with one line for each problem."""
    try:
        accepted = load_section(ACCEPTED_FILE, AcceptedList).accepted
        outcome = judge(look_up(lock), accepted, today or datetime.now(UTC).date())
    except AltavizError as error:
        sys.stderr.write(f"audit: {error}\n")
        return 1
    for line in (*outcome.stays, *outcome.failed):
        sys.stderr.write(f"audit: {line}\n")
    sys.stderr.write(f"audit: {outcome.packages} packages, {len(outcome.failed)} to fix\n")
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())
