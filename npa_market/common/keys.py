"""Many UUIDv7 keys at once, as bytes and as the text that both databases take."""

import os
import time
from threading import Lock
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Keys = npt.NDArray[np.uint8]  # (keys, 16)

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_MOST = 1 << 26  # the counter: 12 bits of rand_a and 14 of rand_b (RFC 9562, method 1)
_lock = Lock()
_last_ms = [0]


def _next_millisecond() -> int:
    """The present millisecond, but never one that was given before: keys stay in order."""
    with _lock:
        _last_ms[0] = max(time.time_ns() // 1_000_000, _last_ms[0] + 1)
        return _last_ms[0]


def new_keys(count: int) -> Keys:
    """UUIDv7 keys in rising order, (count, 16). Raises ValueError above 2^26 at once."""
    if count > _MOST:
        raise ValueError(f"at most {_MOST} keys at once")
    keys = np.frombuffer(bytearray(os.urandom(16 * count)), dtype=np.uint8).reshape(count, 16)
    counter = np.arange(count, dtype=np.uint32)
    keys[:, :6] = np.frombuffer(_next_millisecond().to_bytes(6, "big"), dtype=np.uint8)
    keys[:, 6] = 0x70 | (counter >> 22)
    keys[:, 7] = counter >> 14 & 0xFF
    keys[:, 8] = 0x80 | (counter >> 8 & 0x3F)
    keys[:, 9] = counter & 0xFF
    return keys


def key_texts(keys: Keys) -> pa.Array:
    """Keys as 32 lower-case hex characters: SQLite keeps them so, PostgreSQL reads them."""
    count = len(keys)
    text = np.empty((count, 32), dtype=np.uint8)
    text[:, 0::2], text[:, 1::2] = _HEX[keys >> 4], _HEX[keys & 15]
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(32), count, [None, pa.py_buffer(text.tobytes())]
    )
    return fixed.cast(pa.binary()).cast(pa.string())


def key_bytes(keys: list[UUID]) -> Keys:
    """UUIDs as rows of bytes, (keys, 16)."""
    joined = b"".join(key.bytes for key in keys)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(keys), 16)
