"""Copies that leave a data room, made from a line of its access log and marked with it."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from npa_market.common.exports import csv_lines
from npa_market.common.files import read_stored
from npa_market.diligence.models import AccessRecord, Report, RoomDocument
from npa_market.diligence.report.reader import Reader, stamped
from npa_market.packages.sealed import bidder_copy
from npa_market.parties.models import Organisation, User

if TYPE_CHECKING:
    import pandas as pd

PDF, CSV, JSON = "application/pdf", "text/csv; charset=utf-8", "application/json"
PARQUET = "application/vnd.apache.parquet"
COPY_COLUMN = "copy_id"
IN_LOG = "recorded in the access log as"
SELLERS_OWN = ("copy of the seller's own people", "taken before there was a data room")


@dataclass(frozen=True)
class RoomCopy:
    """A file to hand over."""

    name: str
    content_type: str
    chunks: Iterable[bytes]


def copy_of(line: AccessRecord) -> RoomCopy:
    """The document of one line of the access log, marked with reader, time and the line's key.

    The manifest alone is handed over as it is: it holds no loan, and its hash is public.
    """
    package = line.room.package
    name = f"{package.reference}-v{package.version}"
    match RoomDocument(line.document):
        case RoomDocument.REPORT:
            return RoomCopy(f"{name}-report.pdf", PDF, [_marked_report(line)])
        case RoomDocument.TAPE_CSV:
            return RoomCopy(f"{name}-tape.csv", CSV, _tape_csv(line))
        case RoomDocument.TAPE_PARQUET:
            return RoomCopy(f"{name}-tape.parquet", PARQUET, [_tape_parquet(line)])
        case RoomDocument.MANIFEST:
            return RoomCopy(f"{name}-manifest.json", JSON, [read_stored(line.source_sha256)])
        case RoomDocument.TAPE_VALUED:
            raise ValueError("a tape that was valued on the venue is not handed over")


def sellers_copy(report: Report, *, seller: Organisation, user: User, at: datetime) -> RoomCopy:
    """The report for the seller's own people before there is a room whose log could record it."""
    package = report.package
    reader = Reader(seller.name, user.email, at, SELLERS_OWN)
    content = stamped(read_stored(report.file_id), reader)
    return RoomCopy(f"{package.reference}-v{package.version}-report.pdf", PDF, [content])


def _marked_report(line: AccessRecord) -> bytes:
    reader = Reader(line.organisation.name, line.user.email, line.at, (IN_LOG, str(line.pk)))
    return stamped(read_stored(line.source_sha256), reader)


def _tape_csv(line: AccessRecord) -> Iterator[bytes]:
    """Minor units, ISO dates, empty = missing.

    Each row names the copy it belongs to and repeats what the copy leaves out, so that rows shown
    and left out make up the package's totals wherever the rows go.
    """
    form = bidder_copy(line.room.package)
    ends = {COPY_COLUMN: str(line.pk), **form.left_out()}
    header = [*form.frame.columns, *ends]
    for text in csv_lines(header, _rows(form.frame, list(ends.values()))):
        yield text.encode()


def _rows(frame: "pd.DataFrame", ends: list[Any]) -> Iterator[list[Any]]:
    columns = [_column(frame, name) for name in frame.columns]
    for values in zip(*columns, strict=True):
        yield [*values, *ends]


def _column(frame: "pd.DataFrame", name: str) -> list[Any]:
    import pandas as pd

    column = frame[name]
    if name == "receipts":
        return [_receipts_text(entries) for entries in column]
    if pd.api.types.is_datetime64_any_dtype(column):
        return ["" if pd.isna(value) else f"{value:%Y-%m}" for value in column]
    return ["" if pd.isna(value) else value for value in column.astype(object)]


def _receipts_text(entries: Iterable[dict[str, Any]]) -> str:
    """`[["2026-03",12000,2400],…]`: month, gross, cost; month null where the tape has none."""
    rows = [
        [
            None if entry["month"] is None else str(entry["month"])[:7],
            int(entry["gross_minor"]),
            int(entry["cost_minor"]),
        ]
        for entry in entries
    ]
    return json.dumps(rows, separators=(",", ":"))


def _tape_parquet(line: AccessRecord) -> bytes:
    """The columns of the sealed file; metadata name the copy and what it leaves out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from npa_market.packages.schema import SEALED_SCHEMA

    form = bidder_copy(line.room.package)
    table = pa.Table.from_pandas(form.frame, schema=SEALED_SCHEMA, preserve_index=False)
    mark = {"copy_id": str(line.pk), "reader": line.organisation.name}
    mark |= {name: str(value) for name, value in form.left_out().items()}
    table = table.replace_schema_metadata(mark)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
