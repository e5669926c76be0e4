"""Columns that are never taken in (personal data, class C3): the import refuses the file.

By the name of the column alone. Whole words where a part of a word says nothing (`pin` is no
`pinyin`, `face` no `surface`); between Chinese characters and Latin letters there is a boundary.
"""

import re
from collections.abc import Sequence

from npa_market.tapes.mapping import folded_header

_PICTURE = r"(photos?|pictures?|pics?|images?|imgs?|scans?|selfies?)"
_DOCUMENT = (
    r"(id|id ?card|identity|identity ?(card|document)|passport|"
    r"(driver'?s?|driving) licen[cs]e)"
)
# parts of names, then whole Latin words
_ANYWHERE = (
    r"password|passwd|passcode|passphrase|pwd|cvv|finger ?prints?|thumb ?prints?|biometr|"
    r"face ?print|voice ?print|palm ?print|mag(netic)? ?stripe|card verification|card security|"
    r"security code|selfie",
    r"密[码碼]|密保|口令|安全[码碼]|校[验驗][码碼]|[验驗][证證][码碼]|[动動][态態][码碼]|卡背|磁道|磁[条條]",
    r"指[纹紋]|掌[纹紋]|指静脉|指靜脈|人[脸臉像]|刷[脸臉]|面部|面容|[头頭]像|虹膜|视网膜|視網膜|[声聲][纹紋]|活体|活體",
    r"生物(特征|特徵|识别|辨識|識別)|手持|自拍|[证證]件(照|影像|[图圖]|正面|反面|[扫掃]描)",
    r"身[份分][证證](件)?(照|影像|[图圖]|正面|反面|[扫掃]描)",
    r"([签簽][字名]|客[户戶]|本人|借款人|[个個]人|近|大[头頭])照|[签簽][字名](影像|[图圖]|[扫掃]描|[样樣]本)",
)
_WORDS = (
    r"pass (word|wd|code|phrase)s?|pswd|secrets?|security (question|answer)s?|"
    r"(t?otp|one time (code|pin))s?( code)?|verification code",
    r"pins?(?! ?yin)|pin ?(code|number|no|block)|cv[cnv]2?|cv2|csc|cid code",
    r"track ?[123]?( ?data)|track ?[123]",
    rf"face ?(id|data|template|vector|embedding|encoding|feature|recognition|{_PICTURE})s?|facial",
    r"(iris|retinal?)( (scan|image|template|code)s?)?|finger ?veins?",
    r"voice ?(id|samples?|templates?|recordings?|biometrics?)",
    rf"{_DOCUMENT} {_PICTURE}|{_PICTURE} of (the )?{_DOCUMENT}|photo id",
    rf"{_DOCUMENT} (front|back)|signature {_PICTURE}",
)
_FORBIDDEN = re.compile(
    "|".join([*_ANYWHERE, *(f"(?<![a-z])(?:{words})(?![a-z])" for words in _WORDS)])
)


def forbidden_columns(header: Sequence[str]) -> list[str]:
    """Names of forbidden columns in a header (shortened), in order."""
    return [name.strip()[:40] for name in header if _FORBIDDEN.search(_words_of(name))]


def _words_of(name: str) -> str:
    """`cardPin`, `card-pin` and `CARD_PIN` alike as `card pin`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return folded_header(re.sub(r"[-./:()\[\]]", " ", apart))
