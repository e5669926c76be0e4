"""Loans of imported tapes as columns in files: criteria are counted on these, not by SQL.

One Arrow file per import of a tape, written at first use and read through a memory map. Its name
is a hash over what the import made, so a repeated import has another file; a file is a cache and
may be deleted at any time. Who decides on money (the screen, the seal) takes `checked_columns`,
which compares counts and sums with the database first and writes the file anew where they differ.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Length

from npa_market.packages.loading import LOANS_SCHEMA, loan_batches
from npa_market.tapes.models import Loan, Tape

FORMAT = 1
POOLS_KEPT = 2  # per process; about 110 bytes a loan beside the memory map
Codes = npt.NDArray[np.int32]
Amounts = npt.NDArray[np.int64]
_MONEY = ("principal_minor", "interest_minor", "fees_minor", "claim_minor")
_TEXTS = tuple(field.name for field in LOANS_SCHEMA if field.type == pa.string())


class Columns:
    """Loans of some tapes, in the order of their keys: an Arrow table and arrays made once."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.money: dict[str, Amounts] = {
            name: table.column(name).to_numpy().astype(np.int64, copy=False) for name in _MONEY
        }
        encoded = table.column("borrower_id").dictionary_encode().combine_chunks()
        self.borrowers, self.borrower_count = _codes_of(encoded)
        self._texts: dict[str, tuple[Codes, list[str]]] = {}

    @property
    def loans(self) -> int:
        """Rows."""
        return int(self.table.num_rows)

    def codes(self, name: str) -> Codes:
        """A text column as codes, (loans,): equal where the texts are."""
        if name in self._texts:
            return self._texts[name][0]
        return _codes_of(self.table.column(name).dictionary_encode().combine_chunks())[0]

    def texts(self, name: str) -> tuple[Codes, list[str]]:
        """A text column as codes, (loans,), and the texts they stand for."""
        if name not in self._texts:
            encoded = self.table.column(name).dictionary_encode().combine_chunks()
            codes, _ = _codes_of(encoded)
            self._texts[name] = (codes, encoded_values(encoded))
        return self._texts[name]

    def tapes(self, keys: Iterable[bytes]) -> npt.NDArray[np.bool_]:
        """Which loans are of these tapes."""
        wanted = pa.array(sorted(keys), LOANS_SCHEMA.field("tape_id").type)
        mask = pc.is_in(self.table.column("tape_id"), value_set=wanted)
        return np.asarray(mask.to_numpy(), dtype=bool)


def _codes_of(encoded: pa.Array) -> tuple[Codes, int]:
    if isinstance(encoded, pa.ChunkedArray):  # An empty table has no chunk to combine.
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], encoded.type)
    return encoded.indices.to_numpy().astype(np.int32, copy=False), len(encoded.dictionary)


def encoded_values(encoded: pa.Array) -> list[str]:
    """The distinct texts of a dictionary-encoded column."""
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], encoded.type)
    return list(encoded.dictionary.to_pylist())


_lock = threading.Lock()
_pools: dict[tuple[tuple[str, int], ...], Columns] = {}


def columns_of(tapes: Sequence[Tape]) -> Columns:
    """The loans of these imported tapes as columns; written first where they are not there yet."""
    paths = [_ready(tape) for tape in sorted(tapes, key=lambda tape: tape.pk)]
    key = tuple((path.name, path.stat().st_mtime_ns) for path in paths)
    with _lock:
        if key in _pools:
            _pools[key] = _pools.pop(key)  # Last used stands last.
            return _pools[key]
    found = Columns(_joined([_open(path) for path in paths]))
    with _lock:
        _pools[key] = found
        while len(_pools) > POOLS_KEPT:
            _pools.pop(next(iter(_pools)))
    return found


def checked_columns(tapes: Sequence[Tape]) -> Columns:
    """The same, after counts and sums were compared with the database row by row."""
    for tape in tapes:
        path = _ready(tape)
        if _sums_of_file(_open(path)) != _sums_of_rows(tape):
            _write(tape, path)
    return columns_of(tapes)


def are_ready(tapes: Sequence[Tape]) -> bool:
    """Are all files there, so that nobody waits for their writing?"""
    return all(_path(tape).exists() for tape in tapes)


def _path(tape: Tape) -> Path:
    made = [FORMAT, str(tape.pk), tape.attempt, tape.file_id, tape.mapping]
    made += [tape.rows_imported, tape.control_totals]
    digest = hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()
    return Path(settings.VAR_DIR) / "columns" / f"{digest}.arrow"


def _ready(tape: Tape) -> Path:
    path = _path(tape)
    if not path.exists():
        _write(tape, path)
    else:
        os.utime(path, ns=(os.stat(path).st_atime_ns, path.stat().st_mtime_ns))
    return path


def _write(tape: Tape, path: Path) -> None:
    """Write beside and rename: readers see the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            with pa.ipc.new_file(part, LOANS_SCHEMA) as writer:
                for batch in loan_batches(Loan.objects.filter(tape=tape)):
                    writer.write_batch(batch)
            part.flush()
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    _prune(path)


def _prune(kept: Path) -> None:
    """Delete the files written longest ago while the folder is above its size."""
    files = sorted(kept.parent.glob("*.arrow"), key=lambda path: path.stat().st_mtime_ns)
    size = sum(path.stat().st_size for path in files)
    for path in files:
        if size <= settings.COLUMN_FILES_BYTES:
            return
        if path != kept:
            size -= path.stat().st_size
            path.unlink(missing_ok=True)


def _open(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows in the order of their keys, which is the order of import."""
    whole = pa.concat_tables(tables) if tables else LOANS_SCHEMA.empty_table()
    if len(tables) < 2 or not whole.num_rows:
        return whole
    ids = whole.column("id").combine_chunks()
    halves = np.frombuffer(ids.buffers()[1], dtype=">u8", count=2 * len(ids)).reshape(-1, 2)
    return whole.take(pa.array(np.lexsort((halves[:, 1], halves[:, 0]))))


_SUMMED = tuple(
    field.name
    for field in LOANS_SCHEMA
    if pa.types.is_integer(field.type) and not field.name.startswith("borrower__")
)
_COUNTED = tuple(field.name for field in LOANS_SCHEMA if field.nullable)
_WORDS = ("status", "litigation_status")


def _sums_of_rows(tape: Tape) -> dict[str, object]:
    loans = Loan.objects.filter(tape=tape).order_by()
    found: dict[str, object] = loans.aggregate(
        rows=Count("pk"),
        **{f"sum_of_{name}": Sum(name, default=0) for name in _SUMMED},
        **{f"count_of_{name}": Count(name) for name in _COUNTED},
        **{f"length_of_{name}": Sum(Length(name), default=0) for name in _TEXTS},
        births=Sum("borrower__birth_year", default=0),
    )
    found["words"] = sorted(loans.values_list(*_WORDS).annotate(Count("pk")))
    return found


def _sums_of_file(table: pa.Table) -> dict[str, object]:
    def total(values: pa.ChunkedArray) -> int:
        return int(pc.sum(values).as_py() or 0)

    words = table.group_by(list(_WORDS)).aggregate([([], "count_all")])
    return {
        "rows": table.num_rows,
        **{f"sum_of_{name}": total(table.column(name)) for name in _SUMMED},
        **{f"count_of_{name}": pc.count(table.column(name)).as_py() for name in _COUNTED},
        **{f"length_of_{name}": total(pc.utf8_length(table.column(name))) for name in _TEXTS},
        "births": total(table.column("borrower__birth_year")),
        "words": sorted(tuple(row.values()) for row in words.to_pylist()),
    }
