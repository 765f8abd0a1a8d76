"""Runs `altaviz serve` in its own process, as an operator does, and waits until it is ready."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.pipelines.console_script import ALTAVIZ, eventually, surroundings

READY_LIMIT_S = 120


@dataclass(frozen=True)
class Running:
    """A service that is ready."""

    home: Path
    client: httpx.Client
    process: subprocess.Popen[str]

    def score(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/score", json=body)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


@contextmanager
def serving(home: Path, *, until: int | None = 200, program: Sequence[str] = (str(ALTAVIZ),), **environment: str) -> Iterator[Running]:
    """Start the service, wait until readiness answers with `until`, and end it with a signal."""
    command = [*program, "serve", "--port", "0", "--json", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=surroundings(environment)) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=60) as client:
                if until is not None:
                    wait_for(client, until)
                yield Running(home, client, process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0


def wait_for(
    client: httpx.Client, status: int, method: str = "GET", path: str = "/readyz", saying: str = "", **sent: Any
) -> httpx.Response:
    """Repeat a request until its answer has `status` and contains `saying`."""

    def ask() -> httpx.Response:
        answer = client.request(method, path, **sent)
        assert answer.status_code == status, answer.text
        assert saying in answer.text, answer.text
        return answer

    return eventually(ask, READY_LIMIT_S)
