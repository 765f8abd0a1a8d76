"""A service of its own home, from its first key on: roles, revocation, rotation, and the record of writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import report_of
from tests.serving.api.home import AS_OF, FLEET, build_home, make_champion, query
from tests.serving.api.running import Running, serving, wait_for
from tests.serving.api.wrong_requests import window

ONE = {"compressor_ids": [next(iter(FLEET))], "as_of": AS_OF}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        make_champion(home)
        with serving(home) as running:
            yield running


def _key(home: Path, *arguments: str) -> dict[str, Any]:
    return report_of("keys", *arguments, home=home)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_keys_open_and_close_a_running_service_without_a_restart(running: Running) -> None:
    client, home = running.client, running.home
    assert client.get("/v1/fleet").status_code == 200  # before the first key
    made = {role: _key(home, "create", "--name", f"the {role}", "--role", role) for role in ("reader", "scorer")}
    wait_for(client, 401, path="/v1/fleet")

    reader, scorer = (_bearer(made[role]["key"]) for role in ("reader", "scorer"))
    wait_for(client, 200, path="/v1/fleet", headers=reader)
    refused = client.post("/v1/score", json=ONE, headers={**reader, "X-Request-ID": "refused-1"})
    assert (refused.status_code, refused.json()["request_id"]) == (403, "refused-1")
    assert "needs the role scorer" in refused.text
    assert client.post("/v1/score", json=ONE, headers={**scorer, "X-Request-ID": "scored-1"}).status_code == 200
    assert client.post("/v1/predict", json={"windows": [window()]}, headers=scorer).status_code == 200

    ids = {role: made[role]["key_id"] for role in made}
    assert query(home, "SELECT request_id, key_id, actor, method, path, status FROM api_writes ORDER BY written_at") == [
        ("refused-1", ids["reader"], "the reader", "POST", "/v1/score", 403),
        ("scored-1", ids["scorer"], "the scorer", "POST", "/v1/score", 200),
    ]
    rotated = _key(home, "rotate", ids["scorer"], "--overlap", "1")
    wait_for(client, 200, path="/v1/fleet", headers=_bearer(rotated["key"]))
    assert client.get("/v1/fleet", headers=scorer).status_code == 200  # both, until the overlap ends
    _key(home, "revoke", ids["scorer"])
    wait_for(client, 401, path="/v1/fleet", headers=scorer)
    assert {key["key_id"]: (key["state"], key["last_used_at"] is not None) for key in _key(home, "list")["keys"]} == {
        ids["reader"]: ("usable", True),
        ids["scorer"]: ("revoked", True),
        rotated["key_id"]: ("usable", True),
    }
    texts = [made["reader"]["key"], made["scorer"]["key"], rotated["key"]]
    _nothing_shows(home, client, [text.split("_", 2)[2] for text in texts], reader)


def _nothing_shows(home: Path, client: httpx.Client, secrets: list[str], headers: dict[str, str]) -> None:
    """Neither logs nor answers nor the database have a key."""
    shown = [path.read_text(encoding="utf-8") for path in (home / "logs").glob("*.log")]
    shown += [json.dumps(query(home, f"SELECT t::text FROM {table} t")) for table in ("api_keys", "api_writes")]
    shown += [client.get(path, headers=headers).text for path in ("/metrics", "/openapi.json", "/v1/nowhere")]
    assert [secret for secret in secrets for text in shown if secret in text] == []
    assert [text for text in shown if "Traceback" in text] == []
