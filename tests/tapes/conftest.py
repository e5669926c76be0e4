"""Tapes for tests: small standard tapes written in the test, the import without a worker."""

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from npa_market.parties.roles import Role
from npa_market.tapes import uploads
from npa_market.tapes.confirming import confirm_import, result_sha256
from npa_market.tapes.models import Tape, Upload
from npa_market.tapes.services import import_tape, upload_tape

CUT_OFF = date(2025, 12, 31)
DATA = Path(__file__).parents[2] / ".." / "shared" / "data"

# A sound row of the standard layout; tests change single cells of it.
ROW = {
    "贷款编号": "L-1",
    "姓名": "张伟",
    "身份证号": "11010119900307838X",
    "手机号": "13812340000",
    "产品": "现金贷",
    "未偿本金": "10000.00",
    "未偿利息": "1500.50",
    "其他费用": "100.00",
    "未偿本息总额": "11500.50",
    "放款金额": "12000.00",
    "年利率": "18.25%",
    "期数": "12",
    "已还期数": "2",
    "放款日期": "2023-01-15",
    "逾期起始日": "2023-05-01",
    "核销日期": "2024-01-20",
    "最后还款日": "2023-04-15",
    "逾期天数": "975",
    "五级分类": "损失",
    "省份": "广东",
    "城市": "深圳市",
    "诉讼状态": "未诉",
    "联系状态": "可联",
    "最近联系日期": "2025-11-03",
    "委外次数": "2",
    "状态": "正常",
    "核销后回款": "200.00",
    "催收费用": "60.00",
    "核销后回款明细": "2024-03:120.00/36.00;2025-01:80.00/24.00",
}


def rows_of(*changes: dict[str, str]) -> list[dict[str, str]]:
    """Sound rows L-1, L-2, … of one borrower, a yuan more paid out in each, with its changes."""
    return [
        {**ROW, "贷款编号": f"L-{n}", "放款金额": f"{11_999 + n}.00", **change}
        for n, change in enumerate(changes, start=1)
    ]


def csv_of(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    """A tape as CSV text; the header is that of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


CONTENT = csv_of(rows_of({}, {}, {})).encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def upload(seller, seller_user) -> Callable[..., Tape]:
    """Upload bytes or text as the seller; nothing is imported yet."""

    def run(content: bytes | str, **options) -> Tape:
        packed = content.encode() if isinstance(content, str) else content
        values = {
            "user": seller_user,
            "seller": seller,
            "chunks": [packed],
            "file_name": "tape.csv",
            "mapping": "npa_standard",
            "currency": "CNY",
            "cut_off_date": CUT_OFF,
        }
        return upload_tape(**{**values, **options})

    return run


@pytest.fixture
def confirm(seller_user) -> Callable[[Tape], Tape]:
    """Confirm a validated tape as the seller; one without a sound row stays as it is."""

    def run(tape: Tape) -> Tape:
        if not tape.rows_imported:
            return tape
        seen = result_sha256(tape)
        return confirm_import(user=seller_user, tape_id=tape.pk, result_sha256_seen=seen)

    return run


@pytest.fixture
def imported(upload, confirm) -> Callable[..., Tape]:
    """Upload, import and confirm."""

    def run(content: bytes | str, **options) -> Tape:
        return confirm(import_tape(tape_id=upload(content, **options).pk))

    return run


@pytest.fixture
def imported_rows(imported) -> Callable[..., Tape]:
    """Import sound rows with these changes, one dict per row."""

    def run(*changes: dict[str, str], **options) -> Tape:
        return imported(csv_of(rows_of(*changes)), **options)

    return run


@pytest.fixture
def start(seller, seller_user):
    def run(content: bytes = CONTENT, **changes) -> Upload:
        values = {
            "user": seller_user,
            "seller": seller,
            "file_name": "tape.csv",
            "size": len(content),
            "currency": "CNY",
            "cut_off_date": CUT_OFF,
        }
        return uploads.start_upload(**{**values, **changes})

    return run


@pytest.fixture
def send():
    def run(upload: Upload, offset: int, content: bytes) -> Upload:
        return uploads.take_chunk(
            user=upload.started_by, upload_id=upload.pk, offset=offset, content=content
        )

    return run


@pytest.fixture
def finish():
    def run(upload: Upload, content: bytes = CONTENT) -> Upload:
        return uploads.finish_upload(
            user=upload.started_by, upload_id=upload.pk, sha256=digest(content)
        )

    return run


@pytest.fixture
def approver(make_user, seller):
    return make_user("approver@example.com", seller, Role.SELLER_APPROVER)
