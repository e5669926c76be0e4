"""Chapters 9 to 11: process and terms, glossary, verification sheet."""

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.platypus import Spacer, Table

from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer
from npa_market.diligence.report.inputs import ReportInputs

QR_SIZE = 108.0
GLOSSARY = (
    ("Borrower 户", "A debtor, counted once however many loans he or she has in the package."),
    ("Charge-off 核销", "Written off in the seller's books; the debt is still owed."),
    ("Claim", "Principal + interest + other fees, as of the cut-off date."),
    ("Cut-off date 交易基准日", "The date as of which all balances are stated."),
    (
        "Days overdue 逾期天数",
        "Days from the first unpaid due date to the cut-off date, by the seller's count.",
    ),
    (
        "Deposit 保证金",
        "Paid before bidding; part of the price for the winner, refunded to the others.",
    ),
    ("Gini index", "0 where every borrower owes the same, near 1 where one owes all."),
    (
        "Grade 五级分类",
        "The five-class grade, or the seller's own grade where it has no five classes.",
    ),
    ("Loan 笔", "One contract; a borrower may have several."),
    (
        "Median, quantile",
        "Half of the simulated paths are below the median; 5 % are below the 5 % quantile.",
    ),
    ("Path", "One simulated future of the whole package."),
    (
        "Principal, interest, total 未偿本金, 未偿利息, 未偿本息总额",
        "Total = principal + interest. Fees are stated apart.",
    ),
    (
        "Putback 退回",
        "The buyer returns a loan for a listed defect and is refunded its allocated price.",
    ),
    (
        "Receipts, gross and net",
        "Cash paid by borrowers; net is what is left after collectors' fees and costs.",
    ),
    ("Standard error", "How far the computed price may be off by the number of paths alone."),
    (
        "Token",
        "A code of a loan or borrower, valid in this package only; it tells nothing of a person.",
    ),
    (
        "Transition period 过渡期",
        "From the cut-off date to the contract, and from the contract to delivery.",
    ),
    ("Vintage", "Loans charged off in the same quarter or year."),
)


def process(paper: Composer) -> None:
    """Chapter 9: what the announcement and the contract say, because this report does not."""
    paper.chapter(
        9,
        "Legal terms, tax and process",
        "The report describes the loans. What a buyer agrees to stands in the announcement of the "
        "lot and in the transfer contract, which both carry the hash of the sealed file.",
    )
    paper.missing(
        [
            (
                "T41",
                "Main contract terms",
                "Price and allocation per loan, transition receipts, warranties, putback window "
                "and cap, documents, notices to debtors, duties under the contact rules: terms of "
                "the lot, shown before bidding.",
            ),
            (
                "T42",
                "Tax and fees",
                "The venue's fee and the tax on it are terms of the lot and are shown in the "
                "settlement statement line by line.",
            ),
            (
                "T43",
                "Bidding rules",
                "Format, start price, step, extension, deposit and timetable are in the lot's "
                "announcement.",
            ),
        ]
    )


def glossary(paper: Composer) -> None:
    """Chapter 10."""
    paper.chapter(10, "Glossary", "The words of this report, one meaning each.", on_new_page=False)
    paper.add(paper.facts(list(GLOSSARY), first=190))


def verification(paper: Composer, inputs: ReportInputs) -> None:
    """Chapter 11: hashes, and how to check them without trusting the venue."""
    package, value = inputs.package, inputs.valuation
    paper.chapter(
        11,
        "Verification sheet",
        "Anybody who holds the sealed file can check that it is the one this report describes.",
    )
    rows = [
        ("Package", package.name),
        ("Schema of the sealed file", package.schema_version),
        ("Sealed file, SHA-256", package.content_sha256),
        ("Merkle root over the loans", package.merkle_root),
        ("Manifest, SHA-256", package.manifest_sha256),
        ("Valuation inputs, SHA-256", value.inputs_sha256),
        ("Valuation inputs, canonical JSON", value.inputs_json),
        ("Report date (clock of the database)", f"{inputs.reported_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    paper.block([*paper.head("", "Fingerprints"), paper.facts(rows)])
    code = Table(
        [[_qr(package.content_sha256), _how(paper, inputs)]],
        colWidths=[QR_SIZE + 14, look.WIDTH - QR_SIZE - 14],
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)],
        hAlign="LEFT",
    )
    paper.block([*paper.head("", "How to check"), code])


def _how(paper: Composer, inputs: ReportInputs) -> list[object]:
    package = inputs.package
    steps = (
        f"1.  The seller and the venue, with the sealed file and its manifest: manage.py "
        f"verify_package {package.reference}.parquet {package.reference}.manifest.json recomputes "
        "the SHA-256, every leaf and the root, and compares totals with the manifest.",
        "2.  With the file alone: the SHA-256 of the Parquet file is the first fingerprint; the "
        "square code holds it.",
        "3.  One loan: its row as canonical JSON (RFC 8785) is a leaf of an RFC 9162 tree. The "
        "buyer is given the rows it bought, all leaves and the manifest with the delivery: "
        "manage.py verify_package sealed_rows.jsonl manifest.json.",
        "4.  The valuation: the SHA-256 of its inputs is over the JSON text printed above, without "
        "line breaks. The same inputs give the same figures.",
        "A hash proves that a file has not changed since it was sealed. It does not prove that the "
        "seller's entries were true when they were made.",
    )
    return [
        part for step in steps for part in (paper.paragraph(step, paper.style.note), Spacer(0, 4))
    ]


def _qr(content_sha256: str) -> Drawing:
    widget = QrCodeWidget(f"sha256:{content_sha256}", barLevel="M", barBorder=0)
    left, bottom, right, top = widget.getBounds()
    width, height = right - left, top - bottom
    picture = Drawing(QR_SIZE, QR_SIZE, transform=[QR_SIZE / width, 0, 0, QR_SIZE / height, 0, 0])
    picture.add(widget)
    return picture
