"""Serve the portal: web server, worker and sweeper in one process group, ended together."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from types import FrameType
from typing import IO, Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

WORKER = [
    *["-W", "ignore", "-m", "celery", "--quiet", "-A", "npa_market.config", "worker"],
    *["--pool", "prefork", "--concurrency", "1", "--loglevel", "WARNING"],
    *["--without-gossip", "--without-mingle", "--without-heartbeat"],
]


def python(
    *arguments: str, log: IO[bytes] | None = None, **changes: str
) -> subprocess.Popen[bytes]:
    """Start this Python with our environment and these changes; it stays in our process group.

    What it prints goes to `log`, or to our own console.
    """
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments], stdout=log, stderr=log, env=os.environ | changes
    )


def web_arguments(host: str, port: int, workers: int = 1) -> list[str]:
    """Command line of the web server; open live feeds are cut after 3 s when it stops."""
    return [
        *["-m", "uvicorn", "npa_market.config.asgi:application"],
        *["--host", host, "--port", str(port), "--log-level", "warning"],
        *["--timeout-graceful-shutdown", "3", "--lifespan", "off"],
        *(["--workers", str(workers)] if workers > 1 else []),
    ]


class Command(BaseCommand):
    help = "Serve the portal with its worker and sweeper; Ctrl-C stops all three."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        address = f"http://{options['host']}:{options['port']}"
        # `serve` opens lots by its sweeper: a database that may lose bids stops it here.
        call_command("check", "--database", "default", "--tag", "database", stdout=StringIO())
        children = {
            "web server": python(*web_arguments(options["host"], options["port"])),
            "worker": python(*WORKER),
            "sweeper": python("manage.py", "sweep", VENUE_PROBE_URL=f"{address}/healthz"),
        }
        self.stdout.write(f"Portal: {address}/  (Ctrl-C stops)")
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            ended = _first_to_end(children)
            self.stderr.write(f"The {ended} ended; stopping the others.")
        except KeyboardInterrupt:
            self.stdout.write("Stopping.")
        finally:
            _stop(list(children.values()))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _first_to_end(children: dict[str, subprocess.Popen[bytes]]) -> str:
    """Block until one of the children ends; its name."""
    by_pid = {child.pid: name for name, child in children.items()}
    while True:
        pid, _ = os.wait()
        if pid in by_pid:
            return by_pid[pid]


def _stop(children: list[subprocess.Popen[bytes]], patience_seconds: float = 8) -> None:
    """Ask each child to end, then kill what is left after the patience has run out."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + patience_seconds
    for child in children:
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
