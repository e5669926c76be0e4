"""Columns that are never taken in (personal data, class C3): the import refuses the file."""

import re
from collections.abc import Sequence

from npa_market.tapes.mapping import folded_header

_FORBIDDEN = re.compile(
    r"password|passwd|\bpwd\b|passcode|\bpin( code)?\b|\bcv[vcn]2?\b|card verification|"
    r"security code|track ?[12] data|fingerprint|biometric|face (image|photo|id|template)|iris|"
    r"voice ?print|id (card )?(photo|image|scan)|"
    r"密码|口令|安全码|校验码|卡背|指纹|人脸|虹膜|声纹|面部|生物特征|生物识别|"
    r"身份证(件)?(照|影像|图|正面|反面)|手持"
)


def forbidden_columns(header: Sequence[str]) -> list[str]:
    """Names of forbidden columns in a header (shortened), in order."""
    return [name.strip()[:40] for name in header if _FORBIDDEN.search(folded_header(name))]
