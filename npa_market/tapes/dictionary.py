"""The field dictionary: what a clean loan consists of, whatever the seller's columns are called.

Mappings aim at these names; findings, the completeness matrix and docs/tapes.md speak of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from npa_market.tapes.models import LitigationStatus, LoanStatus


class Kind(StrEnum):
    TEXT = "text"
    MONEY = "money"  # integer minor units
    DATE = "date"
    RATE = "rate"  # 1/100 of a percent per year
    INTEGER = "integer"
    CODE = "code"
    FLAG = "flag"
    PLACE = "place"  # province or state, one spelling
    RECEIPTS = "receipts"  # monthly cash after charge-off


@dataclass(frozen=True)
class Field:
    """One field. `is_personal`: findings never name its value, pages show it masked.

    `longest`: characters of a text, or the largest integer. `if_missing`: what an empty cell means.
    """

    name: str
    title: str
    title_zh: str
    kind: Kind
    is_personal: bool = False
    is_required: bool = False
    longest: int = 0
    codes: tuple[str, ...] = ()
    if_missing: str = ""


_YES_NO = ("yes", "no")
_SEX = ("f", "m")

_ALL = (
    Field("loan_number", "Loan number", "贷款编号", Kind.TEXT, is_required=True, longest=80),
    Field("borrower_key", "Customer number", "客户号", Kind.TEXT, is_personal=True, longest=80),
    Field("name", "Name", "姓名", Kind.TEXT, is_personal=True, longest=100),
    Field("id_number", "ID number", "身份证号", Kind.TEXT, is_personal=True, longest=40),
    Field("mobile", "Mobile", "手机号", Kind.TEXT, is_personal=True, longest=40),
    Field("sex", "Sex", "性别", Kind.CODE, codes=_SEX, if_missing="from the ID number"),
    Field(
        "birth_year",
        "Year of birth",
        "出生年份",
        Kind.INTEGER,
        longest=2200,
        if_missing="from the ID number",
    ),
    Field("product", "Product", "产品", Kind.TEXT, longest=60),
    Field("principal_minor", "Principal", "未偿本金", Kind.MONEY, is_required=True),
    Field("interest_minor", "Interest", "未偿利息", Kind.MONEY, if_missing="0"),
    Field("fees_minor", "Other fees", "其他费用", Kind.MONEY, if_missing="0"),
    Field("total_minor", "Principal and interest", "未偿本息总额", Kind.MONEY),
    Field("original_amount_minor", "Amount paid out", "放款金额", Kind.MONEY),
    Field("credit_line_minor", "Credit line", "授信额度", Kind.MONEY),
    Field("annual_rate_bp", "Annual rate", "年利率", Kind.RATE),
    Field("term_months", "Term in months", "期数", Kind.INTEGER, longest=600),
    Field("instalments_paid", "Instalments paid", "已还期数", Kind.INTEGER, longest=600),
    Field("origination_date", "Paid out on", "放款日期", Kind.DATE),
    Field("default_date", "Overdue since", "逾期起始日", Kind.DATE),
    Field("charge_off_date", "Charged off on", "核销日期", Kind.DATE),
    Field("last_payment_date", "Last payment", "最后还款日", Kind.DATE, if_missing="never paid"),
    Field("days_overdue", "Days overdue", "逾期天数", Kind.INTEGER, longest=36_600),
    Field("grade", "Grade", "五级分类", Kind.CODE, longest=20),
    Field("province", "Province or state", "省份", Kind.PLACE),
    Field("city", "City", "城市", Kind.TEXT, longest=60),
    Field(
        "litigation_status",
        "Litigation status",
        "诉讼状态",
        Kind.CODE,
        codes=tuple(LitigationStatus.values),
        if_missing="taken as not sued",
    ),
    Field(
        "is_reachable",
        "Reachable",
        "可联系",
        Kind.FLAG,
        codes=_YES_NO,
        if_missing="unknown",
    ),
    Field("last_contact_date", "Last contact", "最近联系日期", Kind.DATE),
    Field(
        "prior_placements", "Prior placements", "委外次数", Kind.INTEGER, longest=99, if_missing="0"
    ),
    Field(
        "status",
        "Status",
        "状态",
        Kind.CODE,
        codes=tuple(LoanStatus.values),
        if_missing="taken as live",
    ),
    Field("received_minor", "Received after charge-off", "核销后回款", Kind.MONEY, if_missing="0"),
    Field(
        "collection_cost_minor",
        "Collection cost",
        "催收费用",
        Kind.MONEY,
        if_missing="0",
    ),
    Field("receipts", "Monthly receipts", "核销后回款明细", Kind.RECEIPTS),
)
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
MONEY_FIELDS = tuple(field.name for field in _ALL if field.kind == Kind.MONEY)
DATE_FIELDS = tuple(field.name for field in _ALL if field.kind == Kind.DATE)
