"""The sealed file: same rows, same bytes; leaves that anybody can make; tampering shows."""

import hashlib
import json
import random
from datetime import date
from io import StringIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import rfc8785
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.evidence.merkle import leaf_hash, root, verify_inclusion
from npa_market.packages.leaves import leaf_hashes, leaf_lines
from npa_market.packages.loading import loans_table, receipts_table
from npa_market.packages.months import whole_months
from npa_market.packages.proofs import LEAVES, MANIFEST, ROWS, proofs_of
from npa_market.packages.queries import token_key
from npa_market.packages.schema import (
    COLUMNS,
    FILE_SCHEMA,
    RECEIPT,
    SALT,
    UNSALTED_VERSION,
)
from npa_market.packages.sealed import (
    bidder_frame,
    loan_proof,
    manifest_of,
    read_sealed,
    read_table,
    receipts_of,
)
from npa_market.packages.sealing import MAX_EXACT, sealed_table, tree_of, write_parquet
from npa_market.packages.tokens import package_key, tokens
from npa_market.packages.verification import CannotVerify, verify_files
from npa_market.tapes.geography import city_tier
from npa_market.tapes.models import Loan, Receipt
from tests.builders import CUT_OFF, make_tape, one_loan, screened_package, sealed_package

KEY = package_key("33" * 32, Loan().pk)


@pytest.fixture
def package(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=40)


@pytest.fixture
def files(package, tmp_path):
    """(sealed file, manifest) as somebody outside holds them."""
    file, manifest = tmp_path / "package.parquet", tmp_path / "manifest.json"
    file.write_bytes(read_stored(package.content_sha256))
    manifest.write_bytes(read_stored(package.manifest_file_id))
    return file, manifest


def test_the_file_has_the_agreed_columns_and_the_loans_values(package):
    frame = read_sealed(package)
    assert tuple(frame.columns) == COLUMNS
    assert list(frame["loan_token"]) == sorted(frame["loan_token"])
    members = dict(package.members.values_list("token", "loan"))
    loans = Loan.objects.select_related("borrower").in_bulk(members.values())
    for row in frame.itertuples():
        loan = loans[members[row.loan_token]]
        assert row.principal_minor + row.interest_minor + row.fees_minor == loan.claim_minor
        assert row.age_months == whole_months(loan.charge_off_date, CUT_OFF)
        assert row.city_tier == city_tier(loan.city, loan.province) != ""
        assert row.last_contact_month.date() == loan.last_contact_date.replace(day=1)
        assert sum(each["gross_minor"] for each in row.receipts) == loan.received_minor
        assert (row.age_band == "") == (loan.borrower.birth_year is None)
    assert len(set(frame["borrower_token"])) == len({loan.borrower_id for loan in loans.values()})


def test_receipts_come_as_rows_too(package):
    rows = receipts_of(package)
    stored = Receipt.objects.filter(loan__memberships__package=package)
    assert len(rows) == stored.count()
    assert rows["gross_minor"].sum() == sum(stored.values_list("gross_minor", flat=True))
    assert rows.groupby("loan_token")["month"].is_monotonic_increasing.all()


def test_a_leafs_hash_is_that_of_its_canonical_line(package):
    table = read_table(package)
    lines = [rfc8785.dumps(_plain(row)) for row in table.to_pylist()]
    assert leaf_hashes(table) == [leaf_hash(line) for line in lines]
    assert leaf_hashes(table.slice(3, 5)) == [leaf_hash(line) for line in lines[3:8]]
    assert leaf_hashes(table.slice(0, 0)) == []


def test_an_undated_total_and_missing_values_survive(seller, seller_user):
    tape = make_tape(seller, seller_user)
    loan = one_loan(tape, charge_off_date=None, days_overdue=None, is_reachable=None)
    Receipt.objects.create(loan=loan, month=None, gross_minor=7, cost_minor=1)
    Receipt.objects.create(loan=loan, month=date(2026, 1, 1), gross_minor=5)
    loans = loans_table(Loan.objects.all())
    table = sealed_table(loans, receipts_table(Loan.objects.all()), key=KEY, cut_off_date=CUT_OFF)
    (row,) = table.to_pylist()
    assert (row["charge_off_date"], row["age_months"], row["is_reachable"]) == (None, None, None)
    assert [(each["month"], each["gross_minor"]) for each in row["receipts"]] == [
        (None, 7),
        (date(2026, 1, 1), 5),
    ]
    line = rfc8785.dumps(_plain(row))
    assert list(leaf_lines(table)) == [line]


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
                "whole": st.none() | st.integers(-MAX_EXACT, MAX_EXACT),
                "flag": st.none() | st.booleans(),
                "day": st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
                "receipts": st.lists(
                    st.fixed_dictionaries(
                        {
                            "month": st.none() | st.dates(date(2000, 1, 1), date(2030, 1, 1)),
                            "gross_minor": st.integers(0, MAX_EXACT),
                            "cost_minor": st.integers(0, 9),
                        }
                    ),
                    max_size=3,
                ),
            }
        ),
        max_size=6,
    ),
    start=st.integers(0, 3),
)
def test_leaf_lines_are_canonical_json(rows, start):
    schema = pa.schema(
        [
            ("text", pa.string()),
            ("whole", pa.int64()),
            ("flag", pa.bool_()),
            ("day", pa.date32()),
            ("receipts", pa.list_(pa.field("item", RECEIPT, nullable=False))),
        ]
    )
    table = pa.Table.from_pylist(rows, schema).slice(start)
    assert list(leaf_lines(table)) == [rfc8785.dumps(_plain(row)) for row in rows[start:]]


def test_the_root_is_that_of_the_rows_as_any_json_library_writes_them(package):
    rows = read_table(package, FILE_SCHEMA.names).to_pylist()
    leaves = [leaf_hash(rfc8785.dumps(_plain(row))) for row in rows]
    assert root(leaves).hex() == package.merkle_root == manifest_of(package)["merkle_root"]


def test_sealing_the_same_rows_twice_gives_the_same_bytes(package, tmp_path):
    """Whatever the order in which the database gives them."""
    loans, receipts = Loan.objects.all(), Loan.objects.all()
    written = []
    for shuffle in (None, 3):
        table, receipt_rows = loans_table(loans), receipts_table(receipts)
        if shuffle:
            order = list(range(table.num_rows))
            random.Random(shuffle).shuffle(order)
            table, receipt_rows = (
                table.take(order),
                receipt_rows.take(pa.array(np.arange(receipt_rows.num_rows)[::-1])),
            )
        rows = sealed_table(
            table, receipt_rows, key=token_key(package), cut_off_date=package.cut_off_date
        )
        sha256 = write_parquet(rows, tmp_path / f"{shuffle}.parquet")
        written.append((sha256, tree_of(rows).root))
    assert written[0] == written[1] == (package.content_sha256, package.merkle_root)


def test_amounts_beyond_exact_json_numbers_are_refused(seller, seller_user):
    tape = make_tape(seller, seller_user)
    one_loan(tape, original_amount_minor=MAX_EXACT)
    loans = loans_table(Loan.objects.all())
    none = receipts_table(Loan.objects.none())
    sealed_table(loans, none, key=KEY, cut_off_date=CUT_OFF)
    Loan.objects.update(original_amount_minor=MAX_EXACT + 1)
    with pytest.raises(Refused, match="original_amount_minor"):
        sealed_table(loans_table(Loan.objects.all()), none, key=KEY, cut_off_date=CUT_OFF)


@pytest.mark.parametrize("count", [1, 2, 7, 33])
def test_every_loan_has_a_proof(seller_user, second_seller_user, count):
    package = sealed_package(seller_user, second_seller_user, count=count)
    for index, token in enumerate(read_sealed(package, ["loan_token"])["loan_token"]):
        proof = loan_proof(package, token)
        assert (proof["index"], proof["size"]) == (index, count)
        verify_inclusion(
            bytes.fromhex(proof["leaf"]),
            proof["index"],
            proof["size"],
            [bytes.fromhex(part) for part in proof["path"]],
            bytes.fromhex(package.merkle_root),
        )


def test_no_proof_for_a_stranger_or_before_sealing(package, seller_user):
    with pytest.raises(Refused, match="no loan with this token"):
        loan_proof(package, "0" * 32)
    with pytest.raises(Refused, match="not sealed"):
        loan_proof(screened_package(seller_user, seed=2), "0" * 32)


def test_tokens_differ_by_package_and_purpose():
    identity = b"x" * 16
    other = package_key("33" * 32, Loan().pk)
    (mine,), (theirs,) = tokens(KEY, "loan", [identity]), tokens(other, "loan", [identity])
    assert len({mine, theirs, tokens(KEY, "borrower", [identity])[0]}) == 3


def verify(file, manifest):
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_package", str(file), str(manifest), stdout=out, stderr=err)
    return ended.value.code, out.getvalue() + err.getvalue()


def test_the_two_files_alone_verify(files):
    code, words = verify(*files)
    assert (code, words.strip().splitlines()[-1]) == (0, "valid")


def test_salts_are_secret_of_their_own_and_in_no_copy_but_the_file(package):
    salts = read_table(package, [SALT, "loan_token", "borrower_token"]).to_pydict()
    assert all(len(salt) == 32 for salt in salts[SALT])
    assert len({text for texts in salts.values() for text in texts}) >= 2 * package.loans
    assert not set(salts[SALT]) & {*salts["loan_token"], *salts["borrower_token"]}
    for shown in (read_table(package).column_names, bidder_frame(package).columns):
        assert SALT not in list(shown)


def test_a_file_of_before_the_salts_verifies(files):
    file, manifest = files
    table = pq.read_table(file).drop_columns([SALT])
    pq.write_table(table, file)
    document = json.loads(manifest.read_text()) | {
        "schema": UNSALTED_VERSION,
        "content_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "merkle_root": tree_of(table).root,
    }
    manifest.write_text(json.dumps(document))
    assert verify(*files)[0] == 0
    manifest.write_text(json.dumps(document | {"schema": "npa-sealed-package/9"}))
    code, words = verify(*files)
    assert (code, "npa-sealed-package/1 or npa-sealed-package/2" in words) == (2, True)


@pytest.fixture
def delivered(package, tmp_path):
    """Rows, leaves and manifest as a buyer of all but the first three loans is given them."""
    tokens = read_sealed(package, ["loan_token"])["loan_token"][3:]
    proofs = proofs_of(package, tokens)
    rows, leaves, manifest = (tmp_path / name for name in (ROWS, LEAVES, MANIFEST))
    rows.write_bytes(b"".join(line + b"\n" for line in proofs.lines))
    leaves.write_text("".join(f"{leaf}\n" for leaf in proofs.leaves))
    manifest.write_bytes(proofs.manifest)
    assert len(rows.read_bytes().splitlines()) == package.loans - 3
    return rows, manifest


def test_delivered_rows_verify_by_themselves(delivered):
    code, words = verify(*delivered)
    assert (code, words.strip().splitlines()[-1]) == (0, "valid")


@pytest.mark.parametrize("fault", ["changed row", "row twice", "changed leaf", "leaf gone"])
def test_a_delivered_row_that_is_not_the_sealed_one_shows(delivered, fault):
    rows, manifest = delivered
    leaves = rows.with_name(LEAVES)
    lines, hashes = rows.read_text().splitlines(), leaves.read_text().splitlines()
    if fault == "changed row":
        lines[2] = lines[2].replace('"claim_minor":', '"claim_minor":1')
    elif fault == "row twice":
        lines.append(lines[0])
    elif fault == "changed leaf":
        hashes[0] = hashes[1]
    else:
        del hashes[0]
    rows.write_text("\n".join(lines))
    leaves.write_text("\n".join(hashes))
    code, words = verify(rows, manifest)
    assert (code, words.strip().splitlines()[-1]) == (1, "INVALID")


def test_delivered_leaves_that_are_none_cannot_be_told(delivered):
    rows, manifest = delivered
    rows.with_name(LEAVES).write_text("not a hash")
    assert verify(rows, manifest)[0] == 2
    rows.with_name(LEAVES).unlink()
    assert verify(rows, manifest)[0] == 2


@pytest.mark.parametrize("column", [name for name in FILE_SCHEMA.names if name != "receipts"])
def test_one_changed_cell_breaks_the_root(files, column):
    file, _ = files
    table = pq.read_table(file)
    index = table.schema.get_field_index(column)
    values = table.column(column).to_pylist()
    values[5] = _other(values[5], FILE_SCHEMA.field(column).type)
    changed = table.set_column(
        index, FILE_SCHEMA.field(column), pa.array(values, FILE_SCHEMA.field(column).type)
    )
    pq.write_table(changed, file)
    failed = {check.name for check in verify_files(*files) if not check.holds}
    assert {"SHA-256 of the file", "Merkle root"} <= failed


def _other(value, kind):
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_date(kind):
        return date(1999, 9, 9)
    return f"{value}x" if pa.types.is_string(kind) else (value or 0) + 1


def test_a_dropped_or_swapped_row_shows(files):
    file, _ = files
    table = pq.read_table(file)
    for rows, faults in (
        (table.slice(1), {"loans", "Merkle root"}),
        (table.take([1, 0, *range(2, table.num_rows)]), {"Merkle root"}),
    ):
        pq.write_table(rows, file)
        failed = {check.name for check in verify_files(*files) if not check.holds}
        assert faults <= failed


@pytest.mark.parametrize("name", ["claim_minor", "loans", "merkle_root"])
def test_a_changed_manifest_shows(files, name):
    _, manifest = files
    document = json.loads(manifest.read_text())
    for part in (document, document["counts"], document["totals"]):
        if name in part:
            part[name] = "0" * 64 if name == "merkle_root" else part[name] + 1
    manifest.write_text(json.dumps(document))
    code, words = verify(*files)
    assert (code, words.strip().splitlines()[-1]) == (1, "INVALID")


@pytest.mark.parametrize("content", [b"", b"PAR1 not really PAR1", b"{}"])
def test_what_is_no_sealed_file_cannot_be_told(files, content):
    file, manifest = files
    original = file.read_bytes()
    file.write_bytes(content)
    assert verify(file, manifest)[0] == 2
    file.write_bytes(original)
    manifest.write_bytes(content)
    assert verify(file, manifest)[0] == 2
    assert verify(file, manifest.with_name("absent"))[0] == 2


def test_another_tables_columns_cannot_be_told(files):
    file, manifest = files
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(CannotVerify, match="other columns"):
        verify_files(file, manifest)


def test_the_manifest_states_counts_and_totals_of_the_file(package):
    manifest, table = manifest_of(package), read_table(package)
    assert manifest["counts"] == {"loans": table.num_rows, "borrowers": package.borrowers}
    for name, value in manifest["totals"].items():
        assert value == pc.sum(table.column(name)).as_py() == getattr(package, name)
    assert "tapes" not in manifest["criteria"]


def test_a_changed_stored_file_is_noticed(package, settings):
    sha256 = package.content_sha256
    stored = settings.MEDIA_ROOT / "sha256" / sha256[:2] / sha256
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    with pytest.raises(OSError, match="does not match"):
        read_sealed(package)


def test_the_bidders_frame_is_the_same_rows_in_coarser_form(package):
    exact, shown = read_sealed(package), bidder_frame(package)
    assert list(shown["loan_token"]) == list(exact["loan_token"])
    assert (shown["claim_minor"] == exact["claim_minor"]).all()
    assert (shown["charge_off_date"].dropna().dt.day == 1).all()
