"""The columns of each kind of history as data, and their rules: the dictionary of histories."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from npa_market.tapes.columns import Column, Flags
from npa_market.tapes.dictionary import Field, Kind
from npa_market.tapes.history_models import HistoryKind
from npa_market.tapes.models import LitigationStatus

_YES_NO = {"是": "yes", "否": "no", "y": "yes", "n": "no", "1": "yes", "0": "no"}
_STAGES = {
    "未诉": "not_sued",
    "诉讼中": "in_suit",
    "已调解": "mediated",
    "已判未执": "judged",
    "执行中": "enforcing",
    "终本执行": "ended_for_now",
    "终结执行": "terminated",
}

DOCUMENTS = (
    "contract",
    "payout_proof",
    "statement",
    "e_sign_certificate",
    "transfer_clause",
    "notice",
    "judgment",
)


@dataclass(frozen=True)
class HistoryColumn:
    """A column: the field, and words of a code list."""

    field: Field
    table: Mapping[str, str]


def _column(
    name: str,
    title: str,
    title_zh: str,
    kind: Kind,
    *,
    table: Mapping[str, str] | None = None,
    **more: Any,
) -> HistoryColumn:
    field = Field(name, title, title_zh, kind, **more)
    return HistoryColumn(field, table or {})


_LOAN = _column("loan_number", "Loan number", "贷款编号", Kind.TEXT, is_required=True, longest=80)


def _on(title: str, title_zh: str) -> HistoryColumn:
    return _column("on", title, title_zh, Kind.DATE, is_required=True)


LAYOUTS: dict[str, tuple[HistoryColumn, ...]] = {
    HistoryKind.PAYMENTS: (
        _LOAN,
        _on("Paid on", "还款日期"),
        _column("gross_minor", "Amount", "还款金额", Kind.MONEY, is_required=True),
        _column("cost_minor", "Collection cost", "催收费用", Kind.MONEY),
        _column("channel", "Channel", "渠道", Kind.TEXT, longest=40),
    ),
    HistoryKind.CONTACTS: (
        _LOAN,
        _on("Contacted on", "联系日期"),
        _column("at", "Time", "时间", Kind.TEXT, longest=8),
        _column(
            "channel", "Channel", "渠道", Kind.CODE,
            is_required=True,
            codes=("call", "robot_call", "message", "letter", "visit", "mail", "other"),
            table={"电话": "call", "智能外呼": "robot_call", "短信": "message", "信函": "letter",
                   "上门": "visit", "邮件": "mail", "其他": "other", "sms": "message"},
        ),
        _column("person", "Person", "联系对象", Kind.CODE, codes=("own", "third"),
                table={"本人": "own", "第三人": "third"}),
        _column("is_answered", "Answered", "接通", Kind.FLAG, codes=("yes", "no"), table=_YES_NO),
        _column("is_right_party", "Right party", "本人接听", Kind.FLAG, codes=("yes", "no"),
                table=_YES_NO),
        _column("talk_seconds", "Talk seconds", "通话秒数", Kind.INTEGER, longest=86_400),
        _column("agency", "Agency", "机构", Kind.TEXT, longest=80),
    ),
    HistoryKind.LEGAL: (
        _LOAN,
        _on("Step on", "日期"),
        _column("stage", "Stage", "阶段", Kind.CODE, is_required=True,
                codes=tuple(LitigationStatus.values), table=_STAGES),
        _column("court", "Court", "法院", Kind.TEXT, longest=80),
        _column("court_level", "Court level", "法院级别", Kind.TEXT, longest=20),
        _column("case_number", "Case number", "案号", Kind.TEXT, longest=80),
        _column("amount_minor", "Amount", "金额", Kind.MONEY),
    ),
    HistoryKind.PLACEMENTS: (
        _LOAN,
        _on("Placed on", "委托日期"),
        _column("until", "Until", "结束日期", Kind.DATE),
        _column("agency", "Agency", "机构", Kind.TEXT, is_required=True, longest=80),
        _column("commission_bp", "Commission, %", "佣金比例", Kind.RATE),
        _column("received_minor", "Received", "回款", Kind.MONEY),
    ),
    HistoryKind.COMPLAINTS: (
        _LOAN,
        _on("Complained on", "投诉日期"),
        _column("subject", "Subject", "投诉内容", Kind.TEXT, is_required=True, longest=120),
        _column("channel", "Channel", "渠道", Kind.TEXT, longest=40),
        _column("outcome", "Outcome", "结果", Kind.CODE,
                codes=("open", "substantiated", "rejected"),
                table={"处理中": "open", "属实": "substantiated", "不属实": "rejected"}),
        _column("closed_on", "Closed on", "办结日期", Kind.DATE),
    ),
    HistoryKind.DOCUMENTS: (
        _LOAN,
        _on("Checked on", "核对日期"),
        _column("document", "Document", "文件", Kind.CODE, is_required=True,
                codes=DOCUMENTS,
                table={"合同": "contract", "放款凭证": "payout_proof", "对账单": "statement",
                       "电子签名证书": "e_sign_certificate", "转让条款": "transfer_clause",
                       "通知书": "notice", "判决书": "judgment"}),
        _column("availability", "Availability", "有无", Kind.CODE, is_required=True,
                codes=("original", "copy", "missing"),
                table={"原件": "original", "复印件": "copy", "缺失": "missing"}),
        _column("note", "Note", "备注", Kind.TEXT, longest=120),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Columns of a chunk by field, and the day after which nothing can have happened."""

    columns: Mapping[str, Column]
    today: date

    def __getitem__(self, field: str) -> Column:
        return self.columns[field]


@dataclass(frozen=True)
class HistoryRule:
    """A reason to reject a row; `kinds` empty: every kind that has the field."""

    id: str
    field: str
    words: str
    test: Callable[[Rows], Flags]
    kinds: tuple[str, ...] = ()


def _flags(series: "pd.Series[Any]") -> Flags:
    return series.fillna(False).to_numpy(dtype=np.bool_)


def _below_zero(field: str) -> Callable[[Rows], Flags]:
    return lambda rows: _flags(rows[field].values < 0)


def _before(later: str) -> Callable[[Rows], Flags]:
    return lambda rows: _flags(rows[later].values < rows["on"].values)


def _no_time(rows: Rows) -> Flags:
    fits = rows["at"].values.str.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
    return np.asarray(rows["at"].is_filled & ~_flags(fits))


RULES: tuple[HistoryRule, ...] = (
    HistoryRule(
        "date_future", "on", "The day lies in the future.",
        lambda rows: _flags(rows["on"].values > pd.Timestamp(rows.today)),
    ),
    HistoryRule(
        "date_ancient", "on", "The day is before 1980.",
        lambda rows: _flags(rows["on"].values < pd.Timestamp(1980, 1, 1)),
    ),
    HistoryRule(
        "nothing_paid", "gross_minor", "The amount is 0.",
        lambda rows: _flags(rows["gross_minor"].values == 0), (HistoryKind.PAYMENTS,),
    ),
    HistoryRule(
        "amount_negative", "cost_minor", "The collection cost is below 0.",
        _below_zero("cost_minor"), (HistoryKind.PAYMENTS,),
    ),
    HistoryRule(
        "amount_negative", "received_minor", "The amount received is below 0.",
        _below_zero("received_minor"), (HistoryKind.PLACEMENTS,),
    ),
    HistoryRule(
        "time_unreadable", "at", "The time is not HH:MM or HH:MM:SS.", _no_time,
        (HistoryKind.CONTACTS,),
    ),
    HistoryRule(
        "dates_out_of_order", "until", "The placement ends before it begins.",
        _before("until"), (HistoryKind.PLACEMENTS,),
    ),
    HistoryRule(
        "dates_out_of_order", "closed_on", "The complaint is closed before it was made.",
        _before("closed_on"), (HistoryKind.COMPLAINTS,),
    ),
)  # fmt: skip


def rules_of(kind: str) -> list[HistoryRule]:
    """Every rule of a kind: required and readable cells first, then its own."""
    found = []
    for column in LAYOUTS[kind]:
        name, title = column.field.name, column.field.title
        if column.field.is_required:
            found.append(HistoryRule("value_missing", name, f"{title} is empty.", _missing(name)))
        found.append(HistoryRule("value_unreadable", name, f"{title} cannot be read.", _bad(name)))
    return [*found, *(rule for rule in RULES if not rule.kinds or kind in rule.kinds)]


def _missing(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: rows[name].is_missing & ~rows[name].is_bad


def _bad(name: str) -> Callable[[Rows], Flags]:
    return lambda rows: rows[name].is_bad
