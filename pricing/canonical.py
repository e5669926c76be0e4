"""One spelling of a value: canonical JSON (RFC 8785) and its SHA-256."""

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import rfc8785

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def content_hash(document: dict[str, Any]) -> str:
    """SHA-256 (hex) of the document in RFC 8785 form; raises on NaN and infinity."""
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def load(text: str) -> Any:
    """The document of a JSON text. Raises ValueError in words, for text that is nested beyond
    reading too."""
    try:
        return json.loads(text)
    except RecursionError as reason:
        raise ValueError("nested too deeply") from reason


def dump(document: dict[str, Any]) -> str:
    """Sorted, compact JSON: the same document gives the same bytes. NaN is refused."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def frozen(values: npt.ArrayLike) -> FloatArray:
    """A read-only float64 copy."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
