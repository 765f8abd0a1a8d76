"""`altaviz experiments`: MLflow's page over a home, and what a store that is a server already changes. Real processes, real MLflow on SQLite."""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from config.settings import load_settings
from pipelines.tracking import tracked_run
from tests.pipelines.commands import ALTAVIZ, altaviz, eventually, refusal_of, surroundings

START_LIMIT_S = 180


@dataclass(frozen=True)
class Page:
    """A page that is served."""

    process: subprocess.Popen[str]
    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def served(home: Path) -> Page:
    """A page on a free port, when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(ALTAVIZ), "experiments", "--port", str(port), "--home", str(home)]
    devnull = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=devnull, stderr=devnull, text=True, env=surroundings({}))
    page = Page(process, home, port)

    def look() -> None:
        if process.poll() is not None:
            pytest.fail(f"it has ended with {process.returncode}")
        assert page.answers()

    eventually(look, START_LIMIT_S)
    return page


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        shown = served(Path(folder) / "home")
        yield shown
        shown.process.terminate()
        shown.process.wait(timeout=60)


def test_a_run_on_a_server_says_nothing_on_stdout(page: Page, capfd: pytest.CaptureFixture[str]) -> None:
    with tracked_run(load_settings(page.home, environ={"MLFLOW_TRACKING_URI": page.url}), "quiet"):
        pass
    assert capfd.readouterr().out == ""


def test_the_page_of_a_server_is_told_without_its_password(page: Page) -> None:
    with_password = page.url.replace("http://", "http://somebody:secret@")
    done = altaviz("experiments", home=page.home, MLFLOW_TRACKING_URI=with_password)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"MLflow on {page.url}\n")


def test_a_port_in_use_is_one_line(page: Page) -> None:
    assert refusal_of("experiments", "--port", str(page.port), home=page.home) == (
        f"cannot listen on 127.0.0.1 port {page.port} (Address already in use): choose another with --port"
    )


def test_the_server_ends_with_the_command(tmp_path: Path) -> None:
    page = served(tmp_path)
    page.process.send_signal(signal.SIGTERM)
    assert page.process.wait(timeout=120) == 0
    assert not page.answers()
    with socket.create_server(("127.0.0.1", page.port)):  # nobody holds it
        pass
