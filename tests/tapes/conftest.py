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
from npa_market.tapes.histories import import_history
from npa_market.tapes.history_intake import upload_history
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
# A sound row of each kind of history, of the first loan.
SOUND = {
    "payments": {"贷款编号": "L-1", "还款日期": "2024-03-05", "还款金额": "120.00",
                 "催收费用": "36.00", "渠道": "微信"},
    "contacts": {"贷款编号": "L-1", "联系日期": "2025-11-03", "时间": "09:30", "渠道": "电话",
                 "联系对象": "本人", "接通": "是", "本人接听": "是", "通话秒数": "75",
                 "机构": "甲公司"},
    "legal": {"贷款编号": "L-1", "日期": "2024-06-01", "阶段": "诉讼中", "法院": "某区法院",
              "法院级别": "基层", "案号": "(2024)1号", "金额": "11,600.50"},
    "placements": {"贷款编号": "L-1", "委托日期": "2024-02-01", "结束日期": "2024-08-01",
                   "机构": "甲公司", "佣金比例": "25", "回款": "200.00"},
    "complaints": {"贷款编号": "L-1", "投诉日期": "2024-05-05", "投诉内容": "频繁致电",
                   "渠道": "电话", "结果": "不属实", "办结日期": "2024-05-20"},
    "documents": {"贷款编号": "L-1", "核对日期": "2025-12-01", "文件": "合同", "有无": "复印件",
                  "备注": ""},
}  # fmt: skip


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


@pytest.fixture
def take_in(tape, seller_user):
    """Upload and import rows of one kind of history, of the module's `tape`."""

    def run(kind, *rows, **options):
        content = csv_of([{**SOUND[kind], **row} for row in rows]).encode()
        history = upload_history(
            user=options.get("user", seller_user),
            tape_id=tape.pk,
            kind=kind,
            chunks=[content],
            file_name="history.csv",
        )
        return import_history(history_id=history.pk)

    return run
