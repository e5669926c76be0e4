"""Runs the main job as a user would: the command, in a process and a database of its own."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class MainJob:
    """A finished run: its folder, its summary, and the environment to go on in."""

    out: Path
    environment: dict[str, str]
    printed: str

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.out / "summary.json").read_text(encoding="utf-8"))


@contextmanager
def own_environment(folder: Path) -> Iterator[dict[str, str]]:
    """Settings of a venue of its own, on the engine that this test run uses."""
    environment = {**os.environ, "NPA_VAR": str(folder / "var")}
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield environment | {"DATABASE_URL": f"sqlite:///{folder}/venue.sqlite3"}
        return
    server, name = given.rsplit("/", 1)[0], f"npa_job_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        try:
            yield environment | {"DATABASE_URL": f"{server}/{name}"}
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


def run_main_job(environment: dict[str, str], out: Path, *arguments: str) -> MainJob:
    """`python manage.py demo --no-serve`; a failure shows what it printed."""
    finished = subprocess.run(
        [sys.executable, "manage.py", "demo", "--out", str(out), "--no-serve", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return MainJob(out, environment, finished.stdout)
