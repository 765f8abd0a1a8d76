"""Options that commands share, and the function that runs a job and shows its result."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from config.errors import AllRefusedError, AltavizError, ConfigError
from config.logs import get_log, set_up_logs
from config.plain_text import plain_json, plain_text
from config.secrets import hide_passwords
from config.settings import Settings, load_settings
from pipelines.runtime.console import StageReporter, is_interactive
from pipelines.runtime.home_access import open_home, require_database_place
from serving.home.ownership import find_refusal

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of all data. Default: ALTAVIZ_HOME, else ./var.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and logs on stderr.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="The time to use as now: ISO 8601, UTC if it has no zone; or `now`.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of model_config.yaml, e.g. fit.epochs=3. May be repeated.", show_default=False
    ),
]

# the panels of `altaviz --help`
OPERATIONS: Final = "Operations"
DATA: Final = "Data"
MODELS: Final = "Models"
HOME: Final = "Home"

_BETWEEN_PAIRS = re.compile(r"\s+(?=[\w.]+=)")
_SOME_REFUSED = 3
_INTERRUPTED = 130  # what shells expect after Ctrl-C

Job = Callable[[Settings, StageReporter], dict[str, Any]]
View = Callable[[dict[str, Any]], None]
Refusals = Callable[[dict[str, Any]], dict[str, str]]  # of a result: name of a refused file -> reason


@dataclass(frozen=True)
class CommonOptions:
    """The options that every command takes, as they were given."""

    home: Path | None
    as_json: bool
    overrides: list[str] | None = None  # --set, where a command has it


@dataclass(frozen=True)
class HomeRules:
    """How a command chooses, checks and opens its home."""

    prepare: Callable[[Path], None] = open_home
    database: bool = True  # the database server must be able to reach the home
    choose: Callable[[Settings], Path] | None = None  # may name another home than the settings do; a line reports it


def run_job(job: Job, view: View, options: CommonOptions, *, home_rules: HomeRules | None = None, refusals: Refusals | None = None) -> None:
    """Run one job in its home and show the result.

    An AltavizError is one line and exit code 1. Files among `refusals` are one line and exit code 3.
    """
    as_json, settings, log = options.as_json, None, None
    interactive = is_interactive() and not as_json
    try:
        settings = open_settings(options, home_rules or HomeRules())
        set_up_logs(settings.home, to_stderr=not interactive)
        log = settings.home / "logs" / "altaviz.log"
        with StageReporter(interactive=interactive) as report:
            result = job(settings, report)
    except AllRefusedError as error:
        fail(str(error), as_json=as_json, report=error.report)
    except AltavizError as error:
        fail(str(error), as_json=as_json)
    except KeyboardInterrupt:
        fail("interrupted: nothing is lost, run the same command again", as_json=as_json, code=_INTERRUPTED)
    except Exception as error:
        if settings is None or log is None:
            raise  # nowhere to keep the traceback yet
        get_log().error("unexpected failure", error=repr(error), exc_info=True)
        fail(_unexpected(error, settings.home, log), as_json=as_json)
    else:
        if as_json:
            sys.stdout.write(plain_json(json.dumps(result, default=_plain)) + "\n")
        else:
            view(result)
        refused = refusals(result) if refusals else {}
        if refused:
            named = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            fail(f"done, but some files were refused ({named})", as_json=False, code=_SOME_REFUSED)


def open_settings(options: CommonOptions, rules: HomeRules) -> Settings:
    """Settings of the chosen home, which is open afterwards. Raises ConfigError, HomeError."""
    settings = load_settings(options.home, model_overrides=parse_overrides(options.overrides or []))
    if options.overrides:
        _ = settings.model  # a wrong override fails here, not after the heavy imports
    chosen = rules.choose(settings) if rules.choose else settings.home
    if chosen != settings.home:
        sys.stderr.write(
            f"altaviz: the database server cannot reach {settings.home}. The home is {chosen} instead. "
            f"To use it in later commands: export ALTAVIZ_HOME={chosen}\n"
        )
        settings = load_settings(chosen)
    if rules.database:
        require_database_place(settings)
    rules.prepare(settings.home)
    return settings


def home_argument(home: Path) -> str:
    """The argument that makes a later command use `home`; empty if it is the default."""
    return "" if load_settings().home == home else f" --home {shlex.quote(str(home))}"


def _unexpected(error: Exception, home: Path, log: Path) -> str:
    """The message for an unexpected error: how to repair a refused file, or where the traceback is."""
    refusal = find_refusal(home) if isinstance(error, OSError) or "ermission denied" in str(error) else None
    reason = (str(error).splitlines() or [""])[0][:300]
    return refusal or f"unexpected {type(error).__name__}: {reason} (traceback in {log})"


def refused_by_ingest(result: dict[str, Any]) -> dict[str, str]:
    """Reading and reference files that an ingest refused: name -> reason."""
    return {**result.get("refused_files", {}), **result.get("refused_reference_files", {})}


def fail(message: str, *, as_json: bool, code: int = 1, report: dict[str, Any] | None = None) -> NoReturn:
    """Print one line and exit with `code`. With `as_json`, the JSON holds `report` too: what was done before."""
    line = hide_passwords(" ".join(message.split()))
    if as_json:
        sys.stdout.write(plain_json(json.dumps({**(report or {}), "error": line}, default=_plain)) + "\n")
    sys.stderr.write(f"altaviz: {plain_text(line)}\n")
    raise typer.Exit(code)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


def parse_time(text: str | None) -> datetime | None:
    """Parse ISO 8601 as UTC. Other text is wrong use (exit code 2)."""
    from serving.schemas import parse_moment

    if text is None or text == "now":
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}", param_hint="--as-of") from None


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """Parse `key=value` pairs into dotted key -> YAML value. One text may hold several, separated by blanks. Raises ConfigError."""
    import yaml

    values: dict[str, Any] = {}
    # an MLproject parameter is one text, and empty if it is not given
    for pair in filter(None, (pair for text in pairs for pair in _BETWEEN_PAIRS.split(text.strip()))):
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {pair!r}: write KEY=VALUE, e.g. fit.epochs=3")
        try:
            values[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
            reason = str(getattr(error, "problem", None) or error)
            raise ConfigError(f"--set {pair!r}: {value!r} is not a YAML value ({reason}): write KEY=VALUE, e.g. fit.epochs=3") from error
    return values
