"""Reading a sealed package: the one door for every room further along the corridor."""

import io
import json
from typing import TYPE_CHECKING, Any

from npa_market.common.errors import Refused
from npa_market.common.files import open_stored, read_stored
from npa_market.evidence.merkle import HASH_BYTES
from npa_market.packages.models import Package, PackageLoan

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from npa_market.packages.disclosure import BidderForm


def _sealed_file(package: Package) -> str:
    if not package.content_sha256:
        raise Refused("package_not_sealed", f"{package.reference} is not sealed yet.")
    return package.content_sha256


def read_table(package: Package, columns: list[str] | None = None) -> "pa.Table":
    """The sealed file as an Arrow table, checked against its hash.

    Without the salts of its leaves, unless `columns` names them.
    """
    import pyarrow.parquet as pq

    from npa_market.packages.schema import COLUMNS

    content = io.BytesIO(read_stored(_sealed_file(package)))
    return pq.read_table(content, columns=columns or list(COLUMNS))


def read_sealed(package: Package, columns: list[str] | None = None) -> "pd.DataFrame":
    """Rows of a sealed package in file order; columns as in `schema.SEALED_SCHEMA`.

    Nullable integers are pandas `Int16/32/64`, the nullable flag `boolean`, dates datetime64 (NaT),
    texts objects; `receipts` holds per loan an array of {month, gross_minor, cost_minor} with
    month None where the tape has no months (`receipts_of` gives them as rows, much faster). Raises
    Refused where the package is not sealed, OSError where the stored file was changed.
    """
    from npa_market.packages.frames import as_frame

    return as_frame(read_table(package, columns))


def receipts_of(package: Package) -> "pd.DataFrame":
    """All receipts as rows: loan_token, month (NaT = undated total), gross_minor, cost_minor."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from npa_market.packages.frames import as_frame

    table = read_table(package, ["loan_token", "receipts"])
    lists = table.column("receipts").combine_chunks()
    entries = lists.flatten()
    parents = pc.list_parent_indices(lists)
    columns = {"loan_token": table.column("loan_token").take(parents).combine_chunks()}
    columns |= {field.name: entries.field(field.name) for field in entries.type}
    return as_frame(pa.table(columns))


def manifest_of(package: Package) -> dict[str, Any]:
    """The manifest that was stored with the sealed file."""
    _sealed_file(package)
    assert package.manifest_file_id, "a sealed package has a manifest"
    document: dict[str, Any] = json.loads(read_stored(package.manifest_file_id))
    return document


def has_salted_leaves(package: Package) -> bool:
    """May a leaf be shown to who holds the bidder's form? Not where it can be found by trying."""
    from npa_market.packages.schema import UNSALTED_VERSION

    return bool(manifest_of(package)["schema"] != UNSALTED_VERSION)


def loan_proof(package: Package, loan_token: str) -> dict[str, Any]:
    """Proof that a loan is in the package: {leaf, index, size, path, root}, hashes in hex.

    Reads only the nodes of the path, so it costs the same for a million loans. Raises Refused
    where the package has no such loan or is not sealed.
    """
    from npa_market.packages.sealing import node_offsets

    _sealed_file(package)
    member = PackageLoan.objects.filter(package=package, token=loan_token).first()
    if member is None or not package.tree_file_id:
        raise Refused("loan_not_in_package", f"{package.reference} has no loan with this token.")
    index, path = member.position, []
    with open_stored(package.tree_file_id) as nodes:

        def node(offset: int, number: int) -> str:
            nodes.seek(offset + number * HASH_BYTES)
            return nodes.read(HASH_BYTES).hex()

        levels = node_offsets(package.loans)
        leaf = node(levels[0][0], index)
        for offset, count in levels[:-1]:
            if index ^ 1 < count:
                path.append(node(offset, index ^ 1))
            index //= 2
    return {
        "leaf": leaf,
        "index": member.position,
        "size": package.loans,
        "path": path,
        "root": package.merkle_root,
    }


def bidder_frame(package: Package, columns: list[str] | None = None) -> "pd.DataFrame":
    """The rows as bidders in the data room may see them: see `disclosure.bidder_form`."""
    from npa_market.packages.disclosure import READ, bidder_form

    if columns is None:
        return bidder_copy(package).frame
    return bidder_form(read_sealed(package, sorted({*columns, *READ}))).frame[columns]


def bidder_copy(package: Package) -> "BidderForm":
    """The same with all columns, and what was left out of them."""
    from npa_market.packages.disclosure import bidder_form

    return bidder_form(read_sealed(package))
