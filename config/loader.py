"""Reads one YAML file under config/ and checks it against a strict pydantic model.

`${VAR:-default}` is substituted first. `load_settings` in `config.settings` is the caller. Errors name the
file, the key and the reason.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from config.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")

CONFIG_DIR = Path(__file__).parent
DIGEST_CHARACTERS: Final = 16  # of a SHA-256, in what is stored with every prediction


class Section(BaseModel):
    """Base of every configuration section.

    Unknown keys fail, and so do infinite numbers. Values cannot change after loading.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    prose: ClassVar[tuple[str, ...]] = ("description", "source")  # keys, at any depth, that explain values and decide nothing

    def numbers(self, *without: str) -> dict[str, Any]:
        """All values that decide something, as JSON values.

        Left out: `prose`, and the section's own keys `without`.
        """
        decisive: dict[str, Any] = _leave_out(self.prose, self.model_dump(mode="json", exclude=set(without)))
        return decisive

    def digest(self, *without: str) -> str:
        """Start of the SHA-256 of `numbers`.

        The order of a mapping counts, because a simulation draws from it.
        """
        return hashlib.sha256(json.dumps(self.numbers(*without)).encode()).hexdigest()[:DIGEST_CHARACTERS]


def _leave_out(keys: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _leave_out(keys, item) for key, item in value.items() if key not in keys}
    return [_leave_out(keys, item) for item in value] if isinstance(value, list) else value


SectionT = TypeVar("SectionT", bound=Section)
ValueT = TypeVar("ValueT")


def _each_once(seeds: list[int]) -> list[int]:
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(str, twice))} more than once: each seed is one fleet and may count once")
    return seeds


FleetSeeds = Annotated[list[int], Field(min_length=1), AfterValidator(_each_once)]  # of simulated fleets for measurements


def _each_above_the_one_before(values: list[float]) -> list[float]:
    for before, value in itertools.pairwise(values):
        if value <= before:
            raise ValueError(f"{value:g} follows {before:g}: list the numbers in rising order")
    return values


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder of zones, a path
        raise ValueError(f"{name!r} is no IANA time zone: write one such as America/Chicago or UTC") from None
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, lt=1)]  # a share that is neither nothing nor all
Rising = Annotated[list[ValueT], AfterValidator(_each_above_the_one_before)]


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice. PyYAML would silently keep the last one."""


def _construct_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def substitute(value: Any, environ: Mapping[str, str], where: str) -> Any:
    """Replace `${VAR}` and `${VAR:-default}` in every string below `value`; an empty result is None.

    A substituted value stays text, so a password of digits remains a password. Pydantic turns "5432" into a
    number where the key needs one. Raises ConfigError when a variable without default is not set.
    """
    if isinstance(value, dict):
        return {key: substitute(item, environ, f"{where}.{key}" if where else str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, environ, f"{where}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def resolve(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = environ.get(name, default)
        if found is None:
            raise ConfigError(f"{where}: environment variable {name} is not set and has no default; set it or write ${{{name}:-default}}")
        return found

    return _VARIABLE.sub(resolve, value) or None


def load_section(
    path: Path, model: type[SectionT], environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> SectionT:
    """Load `path` into `model`.

    `overrides` maps dotted keys to typed values and wins over the file. Raises ConfigError with file, key and
    reason.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader subclass
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must be a mapping of keys to values")
    try:
        values = substitute(raw, os.environ if environ is None else environ, "")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    where = str(path)
    for dotted, value in (overrides or {}).items():
        _override(values, dotted, value, path)
        where += f" with {dotted}={value}"
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"{where}: {problems}") from None


def _override(values: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    *parents, leaf = dotted.split(".")
    target = values
    for parent in parents:
        child = target.get(parent)
        if not isinstance(child, dict):
            raise ConfigError(f"{path}: no section {parent!r} for the override {dotted!r}")
        target = child
    target[leaf] = value
