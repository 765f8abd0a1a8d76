"""`altaviz experiments`: MLflow's page over a home, and what a store that is a server already changes. Real processes, real MLflow on SQLite."""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from config.settings import load_settings
from pipelines.runtime.mlflow_runs import tracked_run
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import ALTAVIZ, altaviz, eventually, refusal_of, surroundings

START_LIMIT_S = 180
SECRET = "not-for-other-eyes"  # in the address of the store, as a password is in that of a database
EXPERIMENTS = "ajax-api/2.0/mlflow/experiments/search?max_results=1"


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

    def status_for(self, **headers: str) -> int:
        """HTTP status of a question for the experiments."""
        request = urllib.request.Request(f"{self.url}/{EXPERIMENTS}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code


def served(home: Path, **environment: str) -> Page:
    """A page on a free port, when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(ALTAVIZ), "experiments", "--port", str(port), "--home", str(home)]
    devnull = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=devnull, stderr=devnull, text=True, env=surroundings(environment))
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
        store = f"sqlite:///{folder}/{SECRET}.db"
        shown = served(Path(folder) / "home", MLFLOW_TRACKING_URI=store, MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE="true")
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


@pytest.mark.parametrize("host", ["10.evil.example", "192.168.evil.example:5000", "evil.example", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused(page: Page, host: str) -> None:
    assert (page.status_for(), page.status_for(Host=f"localhost:{page.port}"), page.status_for(Host=host)) == (200, 200, 403)


def test_the_address_of_the_store_stands_in_no_list_of_processes(page: Page) -> None:
    server = psutil.Process(page.process.pid)
    commands = [" ".join(process.cmdline()) for process in (server, *server.children(recursive=True))]
    assert len(commands) > 1
    assert not [command for command in commands if SECRET in command]


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
