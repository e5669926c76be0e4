"""A venue to try: its environment, its processes as in production, and the stage it plays on."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Any

from django.conf import settings

from npa_market.portal.management.commands.serve import WORKER, web_arguments
from npa_market.portal.trials.cluster import free_port

PATIENCE_SECONDS = 60
SECRETS = ("NPA_VAULT_KEY", "NPA_BLIND_INDEX_KEY", "NPA_TOKEN_KEY", "NPA_SIGNING_KEY")
REDIS = ("127.0.0.1", 6379)


@dataclass
class Venue:
    """Processes of one trial on one database; each may be killed and started again."""

    folder: Path
    database_url: str
    workers: int = 2
    port: int = field(default_factory=free_port)
    changes: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Production mode without TLS, secrets of the day, no limit on how often a token bids."""
        return {
            **os.environ,
            "NPA_MODE": "production",
            "SECURE_SSL_REDIRECT": "0",
            **self._secrets,
            "NPA_VAR": str(self.folder),
            "DATABASE_URL": self.database_url,
            "CACHE_URL": self.cache_url,
            "CELERY_BROKER_URL": "filesystem://localhost//",
            "CELERY_EAGER": "0",
            "API_RATE_USER": "1000000/min",
            # Lots of a trial open within seconds of their announcement.
            "VENUE_PREMARKETING_DAYS": "0",
            "VENUE_ANNOUNCEMENT_DAYS": "0",
            "VENUE_SHORT_ANNOUNCEMENT_DAYS": "0",
            **self.changes,
        }

    def __post_init__(self) -> None:
        self._secrets = {"SECRET_KEY": secrets.token_urlsafe(60)} | {
            name: secrets.token_hex(32) for name in SECRETS
        }

    @property
    def cache_url(self) -> str:
        """Redis where it runs, as in production; else the database table."""
        chosen = os.environ.get("CACHE_URL", "")
        if chosen:
            return chosen
        with socket.socket() as probe:
            probe.settimeout(0.5)
            is_there = probe.connect_ex(REDIS) == 0
        return f"redis://{REDIS[0]}:{REDIS[1]}/0" if is_there else ""

    def manage(self, *arguments: str, **changes: str) -> None:
        """Run one of our programs to its end; what it prints shows where it fails."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended {done.returncode}:\n{done.stdout}")

    def prepare(self) -> None:
        """Tables of the application."""
        self.manage("manage.py", "migrate", "--verbosity", "0")
        self.manage("manage.py", "createcachetable")

    def build_stage(self, **order: Any) -> dict[str, Any]:
        """Lots and bidders (see `stage.build`)."""
        asked, told = self.folder / "order.json", self.folder / "stage.json"
        defaults = {
            "bidders": 2,
            "lots": 1,
            "first_end_seconds": 7200,
            "between_seconds": 0,
            "extra_seconds": 3600,
            "soft_close_seconds": 300,
        }
        asked.write_text(json.dumps(defaults | order))
        self.manage("-m", "npa_market.portal.trials.stage", str(asked), str(told), CELERY_EAGER="1")
        built: dict[str, Any] = json.loads(told.read_text())
        return built

    def start(self, name: str) -> None:
        """Start `web`, `sweeper` or `worker` in a process group of its own."""
        commands = {
            "web": web_arguments("127.0.0.1", self.port, workers=self.workers),
            "sweeper": ["manage.py", "sweep"],
            "worker": WORKER,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, *commands[name]],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End whatever runs."""
        for name in list(self.processes):
            self.kill(name)

    def wait_until_ready(self) -> None:
        """Until the web server says that it can serve. Raises RuntimeError with its log."""
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            with (
                suppress(urllib.error.URLError, ConnectionError, TimeoutError),
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer,  # noqa: S310
            ):
                if answer.status == 200:
                    return
            sleep(0.05)
        raise RuntimeError(f"not ready:\n{(self.folder / 'web.log').read_text()[-4000:]}")

    def read(self, path: str, token: str) -> Any:
        """JSON of an API address."""
        asked = urllib.request.Request(  # noqa: S310
            self.url + path, headers={"Authorization": f"Token {token}"}
        )
        with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def resident_mb(self, name: str) -> float:
        """Memory of a process and its children, megabytes."""
        group = self.processes[name].pid
        pages = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                words = stat.read_text().rpartition(")")[2].split()
                if int(words[2]) == group:
                    pages += int(words[21])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def venue_on(database_url: str, *, has_tables: bool = False, **options: Any) -> Iterator[Venue]:
    """A prepared venue on a scratch database, ended with everything it left."""
    before = signal.signal(signal.SIGTERM, _interrupt)  # Asked to stop, it leaves nothing behind.
    with tempfile.TemporaryDirectory(prefix="npa-trial-", ignore_cleanup_errors=True) as folder:
        venue = Venue(Path(folder), database_url, **options)
        try:
            if not has_tables:
                venue.prepare()
            yield venue
        finally:
            venue.stop()
            signal.signal(signal.SIGTERM, before)
