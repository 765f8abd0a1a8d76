from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.loader import Section, load_section


class Database(Section):
    host: str
    port: int
    password: str | None


class Service(Section):
    database: Database
    ratio: float = 0.5


GOOD = "database: {host: '${HOST:-localhost}', port: '${PORT:-5432}', password: '${PASSWORD:-}'}\n"


def _load(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **overrides: Any) -> Service:
    path = tmp_path / "service.yaml"
    path.write_text(text)
    return load_section(path, Service, environ or {}, {key.replace("__", "."): value for key, value in overrides.items()})


def _refusal(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, environ, **overrides)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "service.yaml"))
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path / 'service.yaml'}: ")


def test_default_stands_where_the_environment_has_no_value(tmp_path: Path) -> None:
    loaded = _load(tmp_path, GOOD).database
    assert (loaded.host, loaded.port, loaded.password) == ("localhost", 5432, None)


def test_environment_wins_over_the_default_and_a_password_of_digits_stays_text(tmp_path: Path) -> None:
    loaded = _load(tmp_path, GOOD, {"HOST": "db.example", "PORT": "6000", "PASSWORD": "12345"}).database
    assert (loaded.host, loaded.port, loaded.password) == ("db.example", 6000, "12345")


def test_missing_variable_without_default_is_named_with_its_key(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "database: {host: '${DB_HOST}', port: 1, password: x}\n")
    assert refusal == "database.host: environment variable DB_HOST is not set and has no default; set it or write ${DB_HOST:-default}"


def test_unknown_key_fails(tmp_path: Path) -> None:
    assert _refusal(tmp_path, GOOD + "colour: red\n") == "colour: Extra inputs are not permitted"


def test_wrong_type_and_missing_key_fail_each_with_its_place(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "database: {host: a, port: many}\n")
    assert "database.port: Input should be a valid integer" in refusal
    assert "database.password: Field required" in refusal


def test_key_given_twice_fails_instead_of_keeping_the_last(tmp_path: Path) -> None:
    assert "key 'ratio' is given twice" in _refusal(tmp_path, GOOD + "ratio: 0.1\nratio: 0.2\n")


def test_text_that_is_no_mapping_or_no_yaml_fails(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "- a\n") == "must be a mapping of keys to values"
    assert _refusal(tmp_path, "a: [\n").startswith("is not valid YAML: ")
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read \(No such file"):
        load_section(tmp_path / "gone.yaml", Service, {})


def test_override_wins_over_the_file_and_must_name_a_section(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD, database__port=7).database.port == 7
    assert _refusal(tmp_path, GOOD, cache__size=7) == "no section 'cache' for the override 'cache.size'"
    assert "database.portt: Extra inputs" in _refusal(tmp_path, GOOD, database__portt=7)


class Explained(Section):
    value: float
    description: str
    source: str


class Rules(Section):
    source: str
    seed: int
    limits: dict[str, Explained]
    steps: list[Explained]


def _rules(description: str, *names: str, value: float = 1.0, seed: int = 7) -> Rules:
    limit = Explained(value=value, description=description, source=f"who said {description}")
    return Rules(source=description, seed=seed, limits=dict.fromkeys(names, limit), steps=[limit])


def test_numbers_are_what_is_left_without_descriptions_and_sources_at_any_depth() -> None:
    rules = _rules("one way", "low")
    assert rules.numbers() == {"seed": 7, "limits": {"low": {"value": 1.0}}, "steps": [{"value": 1.0}]}
    assert rules.numbers("limits", "seed") == {"steps": [{"value": 1.0}]}


def test_a_digest_tells_numbers_and_their_order_but_no_wording() -> None:
    digest = _rules("one way", "low", "high").digest()
    assert len(digest) == 16
    assert _rules("another", "low", "high").digest() == digest
    assert _rules("one way", "high", "low").digest() != digest
    assert _rules("one way", "low", "high", value=2.0).digest() != digest
    assert _rules("one way", "low", "high", seed=8).digest("seed") == _rules("another", "low", "high").digest("seed")


def test_loaded_values_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        _load(tmp_path, GOOD).ratio = 1.0
