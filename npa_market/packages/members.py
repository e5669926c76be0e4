"""The chosen loans of a sealed package as rows, set by set: no row is an object on its way."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from django.db import connection

from npa_market.packages.models import Package, PackageLoan
from npa_market.packages.sealing import key_order

Rows = npt.NDArray[Any]
KEY_BYTES, TOKEN_CHARACTERS = 16, 32
_BLOCK_ROWS = 20_000
# PostgreSQL's binary form of a row: how many values, then each with its length before it.
_ROW = np.dtype(
    [
        ("values", ">i2"),
        ("package_bytes", ">i4"),
        ("package", f"V{KEY_BYTES}"),
        ("loan_bytes", ">i4"),
        ("loan", f"V{KEY_BYTES}"),
        ("token_bytes", ">i4"),
        ("token", f"V{TOKEN_CHARACTERS}"),
        ("position_bytes", ">i4"),
        ("position", ">i4"),
        ("is_live_bytes", ">i4"),
        ("is_live", "u1"),
    ]
)
_COPY_BEGINS, _COPY_ENDS = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
# SQLite cuts the rows out of three byte strings; `n` counts them.
_INSERT = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)
INSERT INTO {table} ({columns})
SELECT %s, lower(hex(substr(%s, i * 16 + 1, 16))), CAST(substr(%s, i * 32 + 1, 32) AS TEXT),
       CAST(CAST(substr(%s, i * 10 + 1, 10) AS TEXT) AS INTEGER), 1
FROM n
"""
_COLUMNS = ("package_id", "loan_id", "token", "position", "is_live")


def insert_members(package: Package, loan_keys: bytes, tokens: pa.StringArray) -> None:
    """Insert one live member per loan inside the caller's transaction, foreign keys checked.

    loan_keys: 16 bytes each, in the order of the file, as the tokens. The rows go in by the order
    of the loans' keys: their checks then walk the loans as these lie on the disk. Raises
    IntegrityError by the broken constraint (O2: a loan is in one live package).
    """
    order = key_order(loan_keys)
    if not len(order):
        return
    texts = np.frombuffer(_joined(tokens), dtype=f"V{TOKEN_CHARACTERS}")[order]
    keys = np.frombuffer(loan_keys, dtype=f"V{KEY_BYTES}")[order]
    if connection.vendor == "postgresql":
        _copy(package, keys, texts, order)
        # At the commit a broken key would be told after the work; now it is told as what it is.
        connection.check_constraints([PackageLoan._meta.db_table])
    else:
        _insert(package, keys, texts, order)


def _joined(tokens: pa.StringArray) -> memoryview:
    """The texts one behind the other, as they lie in memory."""
    ends = np.frombuffer(tokens.buffers()[1], np.int32, len(tokens) + 1, 4 * tokens.offset)
    if (np.diff(ends) != TOKEN_CHARACTERS).any():
        raise ValueError(f"tokens have {TOKEN_CHARACTERS} characters each")
    return memoryview(tokens.buffers()[2])[ends[0] : ends[-1]]


def _names() -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(PackageLoan._meta.db_table), ", ".join(quote(name) for name in _COLUMNS)


def _copy(package: Package, keys: Rows, texts: Rows, positions: Rows) -> None:
    table, columns = _names()
    with (
        connection.wrap_database_errors,  # COPY speaks to the driver past Django's own wrapping.
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.write(_COPY_BEGINS)
        for start in range(0, len(keys), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            rows = np.zeros(len(keys[part]), dtype=_ROW)
            rows["values"] = len(_COLUMNS)
            for name in ("package", "loan", "token", "position", "is_live"):
                rows[f"{name}_bytes"] = rows[name].itemsize
            rows["package"] = np.void(package.pk.bytes)
            rows["loan"], rows["token"] = keys[part], texts[part]
            rows["position"], rows["is_live"] = positions[part], 1
            copy.write(rows.tobytes())
        copy.write(_COPY_ENDS)


def _insert(package: Package, keys: Rows, texts: Rows, positions: Rows) -> None:
    """One statement, without Python's lock; SQLite looks each foreign key up as it goes."""
    table, columns = _names()
    digits = np.char.zfill(positions.astype("S10"), 10).tobytes()
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT.format(table=table, columns=columns),
            [len(keys), package.pk.hex, keys.tobytes(), texts.tobytes(), digits],
        )
