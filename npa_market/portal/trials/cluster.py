"""Scratch databases: one on the configured server, or a PostgreSQL cluster of one's own."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psycopg
from django.conf import settings
from psycopg import sql

PATIENCE_SECONDS = 60


class NoCluster(Exception):
    """There is no PostgreSQL to try on; the text says what to install or set."""


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configured_server() -> str | None:
    """Address of the PostgreSQL server in the settings without a database; None for SQLite."""
    values = settings.DATABASES["default"]
    if not values["ENGINE"].endswith("postgresql"):
        return None
    login = f"{values['USER']}:{values['PASSWORD']}" if values["PASSWORD"] else values["USER"]
    return f"postgres://{login}@{values['HOST'] or '127.0.0.1'}:{values['PORT'] or 5432}"


@contextmanager
def scratch_database(server: str | None = None) -> Iterator[str]:
    """Address of an empty database that is dropped at the end.

    On `server` (an address without a database), by default that of the settings, else on a
    cluster of its own. Raises NoCluster.
    """
    server = server or configured_server()
    if server is None:
        with own_cluster() as cluster:
            yield cluster.make_database()
        return
    name = f"npa_trial_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _programs() -> Path:
    """Folder of initdb and pg_ctl. Raises NoCluster."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoCluster("This trial starts a PostgreSQL cluster: install the package postgresql.")


def _as_owner() -> list[str]:
    """PostgreSQL refuses root: the prefix that makes root's commands those of `postgres`."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError as error:
        raise NoCluster("PostgreSQL refuses root, and there is no account postgres.") from error
    runuser = shutil.which("runuser")
    if runuser is None:
        raise NoCluster("PostgreSQL refuses root, and there is no runuser.")
    return [runuser, "-u", "postgres", "--"]


@dataclass
class Cluster:
    """A PostgreSQL server in a folder, which may be killed and started again."""

    folder: Path
    port: int
    options: dict[str, str] = field(default_factory=dict)

    def create(self) -> None:
        """Make the data folder."""
        self._run("initdb", "--auth", "trust", "--username", "npa", "--encoding", "UTF8")

    def start(self) -> None:
        """Start and wait until connections are taken (after a crash: until recovery is done)."""
        chosen = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            **self.options,
        }
        words = " ".join(f"-c {name}={value}" for name, value in chosen.items())
        log = str(self.folder / "server.log")
        self._run("pg_ctl", "-w", "-t", str(PATIENCE_SECONDS), "-l", log, "-o", words, "start")

    def hold_log_writer(self) -> None:
        """Stop the process that writes the log for others: what a commit leaves to it never is.

        A killed process leaves what the kernel already holds, a power cut does not; so held, the
        one does what the other would. A commit that is synchronous writes its log by itself.
        """
        main = self._main_process()
        writers = [each for each in _children(main or 0) if "walwriter" in _title(each)]
        if len(writers) != 1:
            raise RuntimeError(f"the cluster has {len(writers)} log writers")
        os.kill(writers[0], signal.SIGSTOP)

    def stop(self) -> None:
        """End without waiting for clients."""
        main = self._main_process()
        if main is not None:
            for each in _children(main):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)
            self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the server and all its processes: nothing is flushed, nothing said."""
        main = self._main_process()
        if main is None:
            raise RuntimeError("the cluster does not run")
        family = [main, *_children(main)]
        os.kill(main, signal.SIGSTOP)  # So that it starts nobody new meanwhile.
        for each in reversed(family):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        deadline = monotonic() + PATIENCE_SECONDS
        while any(_is_running(each) for each in family):
            if monotonic() > deadline:
                raise RuntimeError("the cluster's processes did not end")
            sleep(0.01)
        # These files name a process that is gone; its number may belong to another by now, or to
        # what is left of it where nobody waits for it.
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        for lock in self.folder.glob(".s.PGSQL.*"):
            lock.unlink()

    def make_database(self, copy_of: str = "template1") -> str:
        """Address of a new database: empty, or a copy of one that nobody is connected to."""
        server = f"postgres://npa@127.0.0.1:{self.port}"
        name = f"npa_trial_{secrets.token_hex(6)}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(copy_of)
                )
            )
        return f"{server}/{name}"

    def _main_process(self) -> int | None:
        try:
            return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_owner(), str(_programs() / program), "-D", str(self.folder / "data")]
        done = subprocess.run(  # noqa: S603
            [*command, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            log = self.folder / "server.log"
            said = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr}{said}")


@contextmanager
def own_cluster(**options: str) -> Iterator[Cluster]:
    """A cluster in a folder of its own on a free port, gone at the end. Raises NoCluster."""
    _programs()
    owner = _as_owner()
    folder = Path(tempfile.mkdtemp(prefix="npa-cluster-"))
    if owner:
        shutil.chown(folder, "postgres", "postgres")
    cluster = Cluster(folder, free_port(), options)
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold spaces: the parent is the second word after it.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
