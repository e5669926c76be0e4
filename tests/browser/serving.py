"""The portal as people meet it: a served process with a database of its own."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from npa_market.portal.management.commands.serve import WORKER
from npa_market.portal.trials.cluster import scratch_database

ROOT = Path(__file__).resolve().parents[2]
# As root, without a network, and without the look-ups a browser does at its start.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct-horse-battery-staple"  # of everybody in tests.world
Environment = dict[str, str]
Prepare = Callable[[Environment], None]


@dataclass(frozen=True)
class Served:
    """A running portal and the environment that its management commands need."""

    url: str
    environment: Environment


def chromium() -> str | None:
    """Path of the browser of the distribution, or None."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((path for path in map(shutil.which, names) if path), None)


def run(environment: Environment, *arguments: str) -> None:
    """Run this Python in the served portal's environment; its output shows on failure."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")


def prepare_world(environment: Environment) -> None:
    """Tables and the small world of `tests.world`."""
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    run(environment, "manage.py", "createcachetable")
    run(environment, "-m", "tests.browser.prepare")


@contextmanager
def serve_portal(
    folder: Path, prepare: Prepare = prepare_world, *, eager: str = "1"
) -> Iterator[Served]:
    """Prepare a database of its own, serve the portal on a free port, stop it at the end.

    The database lies in `folder`, or on the server of `DATABASE_URL` where that is PostgreSQL.
    `eager` "1": jobs run inside the request; "0": a worker takes them (`work_for`).
    """
    with _database(folder) as address:
        environment = {
            **os.environ,
            "NPA_VAR": str(folder),
            "DATABASE_URL": address,
            "CELERY_EAGER": "1",
        }
        prepare(environment)
        environment["CELERY_EAGER"] = eager
        with _process(folder, environment) as url:
            yield Served(url, environment)


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    server, _, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    if not server.startswith("postgres"):
        yield f"sqlite:///{folder}/npa.sqlite3"
        return
    with scratch_database(server) as address:
        yield address


@contextmanager
def _process(folder: Path, environment: Environment) -> Iterator[str]:
    """The address of a running server, which is ended afterwards."""
    port = _free_port()
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *[sys.executable, "-m", "uvicorn", "npa_market.config.asgi:application"],
                *["--port", str(port), "--log-level", "warning", "--lifespan", "off"],
                *["--timeout-graceful-shutdown", "2"],
            ],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, server, log)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextmanager
def work_for(served: Served) -> Iterator[None]:
    """Run the worker that `manage.py serve` runs, on the served portal's queue."""
    worker = subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=served.environment)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended at its start:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            sleep(0.1)
    raise RuntimeError(f"the server was not ready within 60 s:\n{log.read_text()}")
