"""Measure the import of a large tape, and a bare COPY of the same rows beside it."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

MANAGE = settings.BASE_DIR / "manage.py"
COLUMNS = 40


class Command(BaseCommand):
    help = (
        "Make a synthetic tape of 40 columns, import it into a scratch database beside the "
        "configured one, and print seconds, peak memory of the worker and the ratio to a bare "
        "COPY of the same rows as JSON. Every step is a process of its own; all is removed after."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rows", type=int, default=1_000_000)
        parser.add_argument("--kind", choices=["csv", "xlsx"], default="csv")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--dirty", type=float, default=0.01, help="share of wrong rows")
        parser.add_argument("--step", choices=["make", "import", "copy"], help="used by itself")
        parser.add_argument("--file", type=Path, help="used by itself")

    def handle(self, *args: Any, **options: Any) -> None:
        step: str | None = options["step"]
        if step:
            self.stdout.write(json.dumps(_STEPS[step](options)))
            return
        with TemporaryDirectory() as folder, scratch_database(Path(folder)) as environment:
            file = Path(folder) / f"tape.{options['kind']}"

            def run(step: str) -> dict[str, Any]:
                arguments = [f"--{name}={options[name]}" for name in ("rows", "seed", "dirty")]
                return _json_of(
                    environment, "bench_tape", *arguments, f"--step={step}", f"--file={file}"
                )

            _json_of(environment, "migrate", "--verbosity=0")
            made, imported, copied = run("make"), run("import"), run("copy")
        ratio = imported["seconds"] / copied["bare_copy_seconds"]
        result = {**made, **imported, **copied, "ratio_to_copy": round(ratio, 1)}
        self.stdout.write(json.dumps({**result, "database": connection.vendor}))


def _json_of(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Run a command of the venue and read the JSON it prints last."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, str(MANAGE), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    lines = done.stdout.strip().splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


@contextmanager
def scratch_database(folder: Path) -> Iterator[dict[str, str]]:
    """Environment of a database of its own, of the configured kind, dropped at the end."""
    environment = {**os.environ, "NPA_VAR": str(folder)}
    # A workbook of this size unpacks to more than the venue takes by default.
    environment.setdefault("MAX_WORKBOOK_BYTES", str(2 << 30))
    if connection.vendor == "sqlite":
        yield {**environment, "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
        return
    name, own = f"npa_bench_{os.getpid()}", settings.DATABASES["default"]
    login = f"{own['USER']}:{own['PASSWORD']}" if own["PASSWORD"] else own["USER"]
    address = f"postgres://{login}@{own['HOST']}:{own['PORT'] or 5432}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield {**environment, "DATABASE_URL": address}
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _make(options: dict[str, Any]) -> dict[str, Any]:
    """Write the tape: the venue's layout, filled up with columns that the mapping leaves aside."""
    from npa_market.tapes.synthetic.dirt import spoiled
    from npa_market.tapes.synthetic.layout import CUT_OFF_DATE, make_tape
    from npa_market.tapes.synthetic.writing import write_table

    started, rows, seed = time.perf_counter(), options["rows"], options["seed"]
    tape = make_tape(loans=rows, seed=seed, locale="zh")
    dirty = spoiled(tape, share=options["dirty"], seed=seed, cut_off_date=CUT_OFF_DATE)
    more = [f"备用{number}" for number in range(1, COLUMNS - len(tape.header) + 1)]
    lines = (
        [*cells, *(f"B{len(cells)}{at % 97}" for at in range(len(more)))] for cells in dirty.rows
    )
    write_table(options["file"], [*tape.header, *more], lines)
    return {
        "make_seconds": round(time.perf_counter() - started, 1),
        "columns": COLUMNS,
        "file_mb": options["file"].stat().st_size >> 20,
    }


def _import(options: dict[str, Any]) -> dict[str, Any]:
    """Upload and import as a worker does; upload is timed apart."""
    from npa_market.common.clock import database_now
    from npa_market.parties.models import Membership, Organisation, QualificationState, User
    from npa_market.parties.roles import OrganisationKind, Role
    from npa_market.tapes.confirming import confirm_import, result_sha256
    from npa_market.tapes.models import Loan
    from npa_market.tapes.services import import_tape, upload_tape
    from npa_market.tapes.synthetic.layout import CUT_OFF_DATE

    seller = Organisation.objects.create(
        name="Benchmark seller",
        kind=OrganisationKind.SELLER,
        qualification=QualificationState.QUALIFIED,
        created_at=database_now(),
    )
    user = User.objects.create_user("analyst@bench.example")
    Membership.objects.create(user=user, organisation=seller, role=Role.SELLER_ANALYST)
    started = time.perf_counter()
    with options["file"].open("rb") as handle:
        tape = upload_tape(
            user=user,
            seller=seller,
            chunks=iter(lambda: handle.read(1 << 20), b""),
            file_name=options["file"].name,
            mapping="npa_standard",
            currency="CNY",
            cut_off_date=CUT_OFF_DATE,
        )
    uploaded = time.perf_counter()
    tape = import_tape(tape_id=tape.pk)
    seconds = time.perf_counter() - uploaded
    confirm_import(user=user, tape_id=tape.pk, result_sha256_seen=result_sha256(tape))
    if Loan.objects.visible_to(user).count() != tape.rows_imported:
        raise RuntimeError("loans are missing after the import")
    return {
        "rows": tape.rows_read,
        "rejected": tape.rows_rejected,
        "seconds": round(seconds, 1),
        "upload_seconds": round(uploaded - started, 1),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _copy(options: dict[str, Any]) -> dict[str, Any]:
    """Seconds to load the same finished rows into tables without index or constraint."""
    from npa_market.tapes.models import Borrower, Loan, Receipt

    tables = [model._meta.db_table for model in (Borrower, Loan, Receipt)]
    copy = _copy_postgresql if connection.vendor == "postgresql" else _copy_sqlite
    return {"bare_copy_seconds": round(sum(copy(table) for table in tables), 2)}


def _copy_postgresql(table: str) -> float:
    with connection.cursor() as cursor, TemporaryDirectory() as folder:
        cursor.execute(f"CREATE TABLE bare_{table} (LIKE {table})")
        file = Path(folder) / table
        with file.open("wb") as target, cursor.copy(f"COPY {table} TO STDOUT") as out:
            for block in out:
                target.write(block)
        started = time.perf_counter()
        with file.open("rb") as source, cursor.copy(f"COPY bare_{table} FROM STDIN") as into:
            while block := source.read(1 << 20):
                into.write(block)
        return time.perf_counter() - started


def _copy_sqlite(table: str) -> float:
    with connection.cursor() as cursor, connection.cursor() as reader:
        cursor.execute(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} LIMIT 0")  # noqa: S608
        reader.execute(f"SELECT * FROM {table}")  # noqa: S608 - a table of ours
        marks = ", ".join(["%s"] * len(reader.description))
        seconds = 0.0
        while rows := reader.fetchmany(10_000):
            started = time.perf_counter()
            cursor.executemany(f"INSERT INTO bare_{table} VALUES ({marks})", rows)  # noqa: S608
            seconds += time.perf_counter() - started
        return seconds


_STEPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "make": _make,
    "import": _import,
    "copy": _copy,
}
