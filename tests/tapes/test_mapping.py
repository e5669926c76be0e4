import copy
import json
from datetime import date

import pytest

from npa_market.common.errors import InvalidInput
from npa_market.tapes.forbidden import forbidden_columns
from npa_market.tapes.frames import read_chunk
from npa_market.tapes.mapping import (
    FOLDER,
    WORDS,
    MappingError,
    Setting,
    mapping_named,
    parse_mapping,
    shipped_documents,
    shipped_mappings,
)
from npa_market.tapes.mapping_shape import check_shape
from npa_market.tapes.mapping_store import checked_document
from npa_market.tapes.transforms import TRANSFORMS

SETTING = Setting("USD", date(2019, 3, 31))
SMALL = {
    "name": "small",
    "version": 1,
    "title": "Small",
    "description": "For tests.",
    "fields": {
        "loan_number": {"as": "text", "from": ["id", "loan"]},
        "borrower_key": {"as": "text", "from": "member", "fallback": "id"},
        "principal_minor": {"as": "difference", "from": "funded", "minus": "repaid", "round": True},
        "charge_off_date": {
            "as": "date_after",
            "from": "paid",
            "days": 150,
            "fallback": "issued",
            "fallback_days": 180,
            "derived": "stated",
        },
        "product": {"as": "constant", "value": "Cash loan"},
        "status": {"as": "code", "from": "state", "table": {"OK": "live"}, "other": "disputed"},
        "litigation_status": {"as": "code", "from": "court", "table": {"none": "not_sued"}},
        "annual_rate_bp": {"as": "fraction", "from": "rate"},
    },
}


def changed(path: list[str], value) -> dict:
    document = copy.deepcopy(SMALL)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def test_shipped_mappings_have_the_agreed_names_and_files():
    assert set(shipped_mappings()) == {
        "eba_npl",
        "lending_club",
        "lending_club_iso",
        "npa_standard",
        "prosper",
        "sba_7a",
    }
    for path in FOLDER.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["name"] == path.stem


def test_every_word_of_a_mapping_has_its_function():
    assert WORDS.keys() == TRANSFORMS.keys()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["fields", "loan_number"], None, "“Loan number” .* is required"),
        (["fields", "borrower_key"], None, "borrower needs “ID number”"),
        (["fields", "hair_colour"], {"as": "text", "from": "x"}, "no field"),
        (["fields", "loan_number", "as"], "guess", "unknown transform"),
        (["fields", "loan_number", "as"], "money", "does not make"),
        (["fields", "principal_minor", "minus"], None, "needs minus"),
        (["fields", "charge_off_date", "derived"], None, "needs derived"),
        (["fields", "loan_number", "from"], [], "header text"),
        (["fields", "loan_number", "from"], [7], "header text"),
        (["fields", "charge_off_date", "formats"], ["martian"], "unknown date format"),
        (["fields", "principal_minor", "unit"], "dozen", "unknown unit"),
        (["fields", "principal_minor", "decimal"], "*", "decimal sign"),
        (["fields", "interest_minor"], {"as": "sum", "terms": [{"sign": "-"}]}, "source column"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_field(path, value, words):
    with pytest.raises(MappingError, match=words):
        parse_mapping(changed(path, value))


def test_the_mappings_that_come_with_the_product_have_the_form_they_ask_for():
    for document in (SMALL, *shipped_documents().values()):
        check_shape(document)
    assert checked_document(SMALL).sources


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["fields"], [], "fields is an object"),
        (["fields", "product"], "Cash loan", "product: say how it is read"),
        (["fields", "product", "as"], ["text"], "product: say how it is read"),
        (["fields", "product", "value"], 5, "product: value is a value of the field"),
        (["fields", "product", "value"], "x\0", "product: value"),
        (["fields", "product", "value"], "\ud800", "product: value"),
        (["fields", "product", "value"], "x" * 61, "product: value"),
        (["fields", "fees_minor"], {"as": "constant", "value": 1.5}, "fees_minor: value"),
        (["fields", "fees_minor"], {"as": "constant", "value": 10**16}, "fees_minor: value"),
        (["fields", "fees_minor"], {"as": "constant", "value": True}, "fees_minor: value"),
        (["fields", "term_months"], {"as": "constant", "value": 601}, "term_months: value"),
        (["fields", "province"], {"as": "constant", "value": "Atlantis"}, "province: value"),
        (["fields", "sex"], {"as": "constant", "value": "x"}, r"sex: value .*\(f, m\)"),
        (["fields", "loan_number", "from"], {"a": 1}, "loan_number: from is the header text"),
        (["fields", "loan_number", "form"], "id", "text takes no 'form', but as, derived"),
        (["fields", "status", "table"], [], "status: table is an object"),
        (["fields", "status", "table"], {"OK": "gone"}, r"status: table .*\(live, "),
        (["fields", "status", "other"], 5, "status: other"),
        (["fields", "charge_off_date", "days"], "150", "charge_off_date: days is a whole number"),
        (["fields", "charge_off_date", "days"], 10**12, "charge_off_date: days"),
        (["fields", "charge_off_date", "formats"], [], "charge_off_date: formats"),
        (["fields", "charge_off_date", "formats"], ["%Y-%Y"], "charge_off_date: formats"),
        (["fields", "charge_off_date", "formats"], ["%d.%m."], "charge_off_date: formats"),
        (["fields", "charge_off_date", "formats"], ["%Q"], "charge_off_date: formats"),
        (["fields", "principal_minor", "round"], "yes", "principal_minor: round is true or false"),
        (
            ["fields", "interest_minor"],
            {"as": "sum", "terms": [{"from": "a", "sign": []}]},
            "interest_minor: terms",
        ),
        (
            ["fields", "interest_minor"],
            {"as": "sum", "terms": [{"from": "a"}], "at_least": "0"},
            "interest_minor: at_least",
        ),
        (["fields", "term_months"], {"as": "integer", "from": "a", "suffix": 5}, "suffix"),
        (["missing"], [5], "missing is a list of texts"),
        (["missing"], "x", "missing is a list of texts"),
        (["preamble_rows"], "3", "preamble_rows is a whole number of 0 to 200"),
        (["preamble_rows"], 10**9, "preamble_rows"),
        (["currencies"], "CNY", "currencies is a list"),
        (["suggested"], {"cut_off_date": "soon"}, "suggested is an object"),
        (["keep_rows"], {"column": "a", "values": "x", "rule": "not_charged_off"}, "keep_rows"),
        (["keep_rows"], {"column": "a", "values": ["x"], "rule": "y" * 9_999}, "keep_rows"),
        (["footer"], [5], "footer is a list"),
        (["keeprows"], {}, "'keeprows' is no part of a mapping"),
    ],
)
def test_a_document_of_another_form_is_refused_with_the_part_and_what_it_is(path, value, words):
    with pytest.raises(InvalidInput, match=words) as refusal:
        checked_document(changed(path, value))
    assert (refusal.value.code, refusal.value.field) == ("mapping_wrong", "document")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["fields", "charge_off_date", "formats"], ["excel", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S%z"]),
        (["fields", "province"], {"as": "constant", "value": "广东"}),
        (["fields", "fees_minor"], {"as": "constant", "value": -(10**15)}),
        (["fields", "grade"], {"as": "code", "from": "g", "table": {"E": "loss"}}),
        (["name"], None),
    ],
)
def test_a_document_of_the_form_is_taken(path, value):
    assert checked_document(changed(path, value)).sources


def test_a_constant_place_has_the_venues_spelling():
    document = changed(["fields", "province"], {"as": "constant", "value": "广东"})
    frame = read_chunk(parse_mapping(document), {"id": ["7"]}, SETTING)
    assert value(frame, "province") == "Guangdong"


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="lending_club") as refusal:
        mapping_named("mine")
    assert refusal.value.field == "mapping"


def read(**cells: str):
    mapping = parse_mapping(SMALL)
    defaults = dict.fromkeys(("id", "member", "funded", "repaid", "paid", "issued", "state"), "")
    texts = {**defaults, "court": "", "rate": "", **cells}
    return read_chunk(mapping, {name: [text] for name, text in texts.items()}, SETTING)


def value(frame, field):
    return frame[field].values[0]


def test_the_fallback_column_is_used_where_the_first_is_empty():
    assert value(read(id="7", member="m"), "borrower_key") == "m"
    assert value(read(id="7"), "borrower_key") == "7"


def test_a_difference_rounds_each_cell_and_is_bad_if_either_is():
    assert value(read(funded="1000.005", repaid="400.0"), "principal_minor") == 60_001
    assert read(funded="x", repaid="1")["principal_minor"].is_bad[0]
    assert read(funded="1")["principal_minor"].is_missing[0]


@pytest.mark.parametrize(
    ("cells", "day"),
    [
        ({"paid": "2018-01-01", "issued": "2017-01-01"}, date(2018, 5, 31)),
        ({"issued": "2018-01-01"}, date(2018, 6, 30)),
        ({"paid": "2019-03-01"}, date(2019, 3, 31)),
        ({"paid": "2019-04-02"}, date(2019, 4, 2)),
    ],
)
def test_a_derived_date_stops_at_the_cut_off_but_never_hides_a_future_source(cells, day):
    assert value(read(**cells), "charge_off_date").date() == day


def test_codes_know_their_table_the_dictionary_and_the_other():
    assert value(read(state="ok"), "status") == "live"
    assert value(read(state="?"), "status") == "disputed"
    assert value(read(court="NONE"), "litigation_status") == "not_sued"
    assert value(read(court="judged"), "litigation_status") == "judged"
    assert read(court="?")["litigation_status"].is_bad[0]


SUMS = {
    **SMALL,
    "fields": {
        **SMALL["fields"],
        "interest_minor": {
            "as": "sum",
            "terms": [{"from": "on"}, {"from": "off", "sign": "-"}],
            "at_least": 0,
        },
        "fees_minor": {"as": "money", "from": "fee", "negated": True},
        "credit_line_minor": {"as": "money", "from": "line", "unit": "ten_thousand"},
        "original_amount_minor": {"as": "money", "from": "out", "unit": "minor"},
        "total_minor": {"as": "money", "from": "total", "decimal": ","},
    },
}


def read_sums(**cells: str):
    texts = {
        name: cells.get(name, "") for name in ("on", "off", "fee", "line", "out", "total", "id")
    }
    return read_chunk(parse_mapping(SUMS), {name: [text] for name, text in texts.items()}, SETTING)


@pytest.mark.parametrize(
    ("cells", "amount_minor"),
    [
        ({"on": "5.00", "off": "2.50"}, 250),
        ({"on": "5.00"}, 500),
        ({"off": "0.02"}, 0),
    ],
)
def test_a_sum_takes_an_empty_term_as_nothing_and_stops_at_its_floor(cells, amount_minor):
    assert value(read_sums(**cells), "interest_minor") == amount_minor


def test_a_sum_is_missing_without_any_term_and_bad_with_a_bad_one():
    assert read_sums()["interest_minor"].is_missing[0]
    assert read_sums(on="5", off="x")["interest_minor"].is_bad[0]


@pytest.mark.parametrize(
    ("field", "cells", "amount_minor"),
    [
        ("fees_minor", {"fee": "-25.265"}, None),
        ("fees_minor", {"fee": "-25.26"}, 2_526),
        ("fees_minor", {"fee": "(25.26)"}, 2_526),
        ("credit_line_minor", {"line": "1.25"}, 1_250_000),
        ("credit_line_minor", {"line": "0.0000001"}, None),
        ("original_amount_minor", {"out": "12345"}, 12_345),
        ("original_amount_minor", {"out": "1.5"}, None),
        ("total_minor", {"total": "1.234,56"}, 123_456),
        ("total_minor", {"total": ",5"}, 50),
    ],
)
def test_amounts_are_read_in_their_unit_and_sign_or_refused(field, cells, amount_minor):
    column = read_sums(**cells)[field]
    assert column.is_bad[0] == (amount_minor is None)
    if amount_minor is not None:
        assert column.values[0] == amount_minor


def test_a_constant_fills_every_row():
    assert value(read(), "product") == "Cash loan"


@pytest.mark.parametrize(
    "header",
    [
        "Password",
        "登录密码",
        "cvv",
        "CVN2",
        "Card_Verification_Value",
        "指纹",
        "Face ID",
        "身份证正面照",
        *("userPassword", "PASSWD", "login_pwd", "Passphrase", "交易密码", "登入密碼", "支付口令"),
        *("PIN", "ATM PIN", "cardPin", "pin_code", "PINBLOCK", "Pin No.", "交易PIN码"),
        *("CVV2码", "cvc", "CVC2", "card cvn", "cardCvv", "Security Code", "卡片验证码", "驗證碼"),
        *("track2", "Track 1 data", "track_data", "MagStripe", "磁道二", "磁條資料"),
        *("fingerprint", "Finger print hash", "finger_vein", "指紋", "掌纹"),
        *("face_image", "faceTemplate", "Facial", "faceprint", "人臉特徵", "刷脸结果"),
        *("iris", "iris_code", "Iris scan", "retina", "虹膜", "视网膜"),
        *("voiceprint", "voice print", "voice_sample", "声纹", "聲紋", "biometrics", "生物特征"),
        *("id_photo", "ID card image", "Passport scan", "photo of ID", "identity document picture"),
        *("face_img", "faceImg", "face-image", "face.data", "人像", "客户头像", "thumb_print"),
        *("CSC", "card_security", "pass_word", "PASS-WORD", "PINCode", "CARD.PIN", "OTPCode"),
        *("secret_answer", "login_secret", "Security question", "密保问题", "动态码", "otp"),
        *("ID_card_front", "idcard_back", "IDFront", "passport_img", "证件正面", "证件影像"),
        *("签字照片", "signature_image", "签名扫描", "本人照片", "voice_id", "one-time code"),
        *("driving licence photo", "selfie", "手持身份证", "证件照", "身份證影像", "身份证扫描件"),
    ],
)
def test_forbidden_columns_are_known_in_both_languages(header):
    assert forbidden_columns(["id", header]) == [header]


@pytest.mark.parametrize(
    "header",
    [
        *("身份证号", "ID number", "Product", "shipping", "Opinion", "手机号", "身份证有效期"),
        *("passport_country", "Passport number", "pass_count", "compass", "PinYin", "姓名拼音"),
        *("spinoff", "cvar", "CV", "discount", "track_record", "tracking number", "backtrack 2020"),
        *("surface area", "interface_id", "face_value", "Irish resident", "invoice number"),
        *("grid image", "photo_count", "identity", "ID type", "paid image", "证件类型", "证件号码"),
        *("face amount", "FaceValue", "face-value", "secretary", "secretariat", "bypass code"),
        *("shipping_code", "happiness", "hotpot", "cscd", "paid back", "paid_front", "opt-out"),
        *("back", "front", "house photo", "房屋照片", "签字日期", "signature date", "个人客户"),
        *("passing", "card_number", "卡号", "verification date", "证件号", "security interest"),
        *("voice calls", "身份证签发机关", "面积", "部门", "人民币", "资产安全等级", "code"),
    ],
)
def test_usual_columns_are_not_forbidden(header):
    assert forbidden_columns([header]) == []
